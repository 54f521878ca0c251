package benchalerts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/services/monitor"
)

// The shared story: one second of the virtual clock is a unit of Alertmanager's. Groups are first told after peerWait and
// then looked at every peerInterval.
const (
	unit         = 500 * time.Millisecond
	peerWait     = 2
	peerInterval = 5
	peerRounds   = 7
)

// peerStory is a random story within what Alertmanager and Bellwether both promise. It stays away from where they differ
// on purpose: nothing holds back an alert that is told already (Alertmanager then never tells its end), and no alert
// begins and ends between two looks at its group (Alertmanager then tells an end of what it never told).
type peerStory struct {
	service string
	acts    []act
}

// randomPeer draws a story. Things happen in the middle between two looks at the group, so that both see the same.
func randomPeer(seed uint64, n int) peerStory {
	r := rand.New(rand.NewPCG(seed, uint64(n)+23))
	p := peerStory{service: fmt.Sprintf("p%d", n)}
	standing, told := map[key]bool{}, map[key]bool{}
	at := 1
	for round := range peerRounds {
		busy := map[key]bool{}
		for range 1 + r.IntN(2) {
			k := keys()[r.IntN(len(keys()))]
			pair := key{effect, k.subject}
			switch {
			case busy[k]:
			case round > 0 && !told[k] && !standing[k] && r.IntN(4) == 0:
				p.acts = append(p.acts, act{at: at, kind: "silence", alert: k, id: fmt.Sprintf("%s-%d", p.service, len(p.acts)), length: peerInterval * (1 + r.IntN(3))})
				busy[k] = true // it begins to hold before the alert does
			case standing[k]:
				p.acts = append(p.acts, act{at: at, kind: "clear", alert: k})
				standing[k], told[k] = false, false
			case k.code == cause && (standing[pair] || busy[pair]):
			default:
				p.acts = append(p.acts, act{at: at, kind: "raise", alert: k})
				standing[k], told[k] = true, true
			}
			busy[k] = true
			if k.code == cause {
				busy[pair] = true
			}
		}
		at = 1 + peerWait + peerInterval*round + peerInterval/2
	}
	if !slices.ContainsFunc(p.acts[:1], func(a act) bool { return a.kind == "raise" }) {
		p.acts = append([]act{{at: 1, kind: "raise", alert: key{other, "a"}}}, slices.DeleteFunc(p.acts, func(a act) bool { return a.alert == key{other, "a"} })...)
	}
	return p
}

// round is which look at the group told something, and what: the states by alert.
type round map[string]string

// comparePeer plays n stories at Alertmanager, a real process, in real time, and at Bellwether, and compares what their
// receivers are told at each look at a group.
func comparePeer(ctx context.Context, out io.Writer, path string, seed uint64, n int) error {
	binary, err := exec.LookPath(path)
	if there := err == nil; !there || n == 0 {
		fmt.Fprintf(out, "Alertmanager: left out, there is no %s; install the package prometheus-alertmanager or name it with --alertmanager\n", path)
		return nil
	}
	var stories []peerStory
	for i := range n {
		stories = append(stories, randomPeer(seed, i))
	}
	theirs, err := playPeer(ctx, binary, stories)
	if err != nil {
		return err
	}
	told := 0
	for _, p := range stories {
		ours, err := playOurs(ctx, p)
		if err != nil {
			return err
		}
		for k := range peerRounds + 3 {
			told += len(ours[k])
			if !maps.Equal(ours[k], theirs[p.service][k]) {
				return fmt.Errorf("peer: Alertmanager tells %v at look %d of %s, Bellwether %v; the story is %+v: %w", theirs[p.service][k], k, p.service, ours[k], p.acts, errFailed)
			}
		}
	}
	fmt.Fprintf(out, "Alertmanager: %d random schedules are told the same, %d alerts in notifications\n", n, told)
	return nil
}

// look returns which look at its group a time in units belongs to; the group begins at 1.
func look(at float64) int { return int(math.Round((at - 1 - peerWait) / peerInterval)) }

func playOurs(ctx context.Context, p peerStory) (map[int]round, error) {
	zero := time.Duration(0)
	s := monitor.Scenario{Name: p.service, End: (peerRounds + 3) * peerInterval * time.Second, Flags: monitor.Flags{KeepFiringFor: &zero}}
	rules := fmt.Sprintf(`version: 1
flapping: {firings: 0, within: 0s, calm: 0s}
inhibit: [{name: pair, source: ['name="cause"'], target: ['name="effect"'], equal: [service, subject]}]
receivers: [{name: hook, webhook: {url: "http://hook.example/"}}]
routes: [{receiver: hook, group_by: [service], group_wait: %ds, group_interval: %ds, repeat_interval: 1h}]
`, peerWait, peerInterval)
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(rules), &doc); err != nil {
		return nil, err
	}
	s.Rules = *doc.Content[0]
	for _, a := range p.acts {
		a.matcher = []string{`name="` + a.alert.code + `"`, `subject="` + a.alert.subject + `"`, `service="` + p.service + `"`}
		step, err := a.step()
		if err != nil {
			return nil, err
		}
		if step.Error != nil {
			step.Error.Service = p.service
		}
		s.Steps = append(s.Steps, step)
	}
	got, err := s.Play(ctx, nil)
	if err != nil {
		return nil, err
	}
	out := map[int]round{}
	for _, line := range got.Notified {
		// "7s hook first: cause{service=p0, subject=a} firing, …"
		head, list, _ := strings.Cut(line, ": ")
		at, err := time.ParseDuration(strings.Fields(head)[0])
		if err != nil {
			return nil, err
		}
		k := look(at.Seconds())
		out[k] = parseNotified(list)
	}
	return out, nil
}

// parseNotified reads "cause{service=p0, subject=a} firing, …".
func parseNotified(list string) round {
	out := round{}
	for list != "" {
		name, rest, ok := strings.Cut(list, "{")
		if !ok {
			break
		}
		labels, rest, _ := strings.Cut(rest, "} ")
		state, rest, _ := strings.Cut(rest, ", ")
		_, subject, _ := strings.Cut(labels, "subject=")
		out[name+"/"+subject] = state
		list = rest
	}
	return out
}

// peerHook is Alertmanager's receiver.
type peerHook struct {
	mu    sync.Mutex
	start map[string]time.Time // when the first alert of a story was posted
	told  map[string]map[int]round
	errs  []error
}

// ServeHTTP takes a notification.
func (h *peerHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		GroupLabels map[string]string `json:"groupLabels"`
		Alerts      []struct {
			Status string            `json:"status"`
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	err := json.NewDecoder(r.Body).Decode(&m)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.errs = append(h.errs, err)
		return
	}
	service := m.GroupLabels["service"]
	k := look(1 + float64(time.Since(h.start[service]))/float64(unit))
	if h.told[service] == nil {
		h.told[service] = map[int]round{}
	}
	out := round{}
	for _, a := range m.Alerts {
		out[a.Labels["alertname"]+"/"+a.Labels["subject"]] = a.Status
	}
	h.told[service][k] = out
	w.WriteHeader(http.StatusOK)
}

func playPeer(ctx context.Context, binary string, stories []peerStory) (told map[string]map[int]round, err error) {
	dir, err := os.MkdirTemp("", "alertmanager")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	hook := &peerHook{start: map[string]time.Time{}, told: map[string]map[int]round{}}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: hook, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }() // ends when it is closed
	defer server.Close()
	url, stop, err := startPeer(ctx, binary, dir, "http://"+l.Addr().String())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var g errgroup.Group
	for _, p := range stories {
		g.Go(func() error { return p.post(ctx, url, hook) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	hook.mu.Lock()
	defer hook.mu.Unlock()
	return hook.told, errors.Join(hook.errs...)
}

// startPeer starts Alertmanager and waits until it is ready.
func startPeer(ctx context.Context, binary, dir, hook string) (url string, stop func() error, err error) {
	config := fmt.Sprintf(`route: {receiver: hook, group_by: [service], group_wait: %dms, group_interval: %dms, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: "%s", send_resolved: true}]}]
inhibit_rules: [{source_matchers: ['alertname="cause"'], target_matchers: ['alertname="effect"'], equal: [service, subject]}]
`, (peerWait * unit).Milliseconds(), (peerInterval * unit).Milliseconds(), hook)
	path := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return "", nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "--config.file="+path, "--storage.path="+dir, "--web.listen-address="+addr, "--cluster.listen-address=", "--log.level=error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start Alertmanager: %w", err)
	}
	stop = func() error { return end(cmd) }
	url = "http://" + addr
	for range 200 {
		if err = request(ctx, http.MethodGet, url+"/-/ready", nil); err == nil {
			return url, stop, nil
		}
		time.Sleep(50 * time.Millisecond) // until it listens
	}
	return "", nil, errors.Join(fmt.Errorf("peer: Alertmanager is not ready: %w", err), stop())
}

func request(ctx context.Context, method, url string, body any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s %s: %w", url, res.Status, text, errFailed)
	}
	return err
}

// post plays a story in real time.
func (p peerStory) post(ctx context.Context, url string, hook *peerHook) error {
	start := time.Now()
	hook.mu.Lock()
	hook.start[p.service] = start
	hook.mu.Unlock()
	began := map[key]time.Time{}
	for _, a := range p.acts {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(start.Add(time.Duration(a.at-1) * unit))):
		}
		labels := map[string]string{"alertname": a.alert.code, "service": p.service, "subject": a.alert.subject}
		now := time.Now()
		var err error
		switch a.kind {
		case "raise":
			began[a.alert] = now
			err = request(ctx, http.MethodPost, url+"/api/v2/alerts", []any{map[string]any{"labels": labels, "startsAt": now}})
		case "clear":
			err = request(ctx, http.MethodPost, url+"/api/v2/alerts", []any{map[string]any{"labels": labels, "startsAt": began[a.alert], "endsAt": now}})
		case "silence":
			var matchers []any
			for _, name := range slices.Sorted(maps.Keys(labels)) {
				matchers = append(matchers, map[string]any{"name": name, "value": labels[name], "isRegex": false, "isEqual": true})
			}
			err = request(ctx, http.MethodPost, url+"/api/v2/silences", map[string]any{
				"matchers": matchers, "startsAt": now, "endsAt": now.Add(time.Duration(a.length) * unit), "createdBy": "bench", "comment": "bench",
			})
		}
		if err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(start.Add((peerRounds + 2) * peerInterval * unit))):
		return nil
	}
}
