package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

// firstHour is where all series begin. It lies in the past: only the monitor cares how old data are.
var firstHour = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

const (
	backfillHours = 30 * 24
	sourceHours   = 12_000 // as many as a run of an hour can use
)

func areas() []string { return []string{"FPL", "TVA"} }

func areaList() string { return strings.Join(areas(), ",") }

// source is an EIA-shaped server that serves numbered values.
type source struct {
	sim *eiasim.Server
	srv *http.Server
	url string

	mu       sync.Mutex
	numbers  map[cell]uint64 // by area and period
	mischief bool            // rows come twice and in any order
	rng      *rand.Rand
}

// startSource serves until stop.
func startSource(ctx context.Context, dir string, seed uint64) (*source, error) {
	path := filepath.Join(dir, "upstream.csv")
	if err := os.WriteFile(path, placeholders(), 0o600); err != nil {
		return nil, err
	}
	sim, err := eiasim.New(eiasim.Config{Data: path, Areas: areas(), Seed: seed, Revised: -1, Now: firstHour})
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	s := &source{sim: sim, url: "http://" + l.Addr().String(), numbers: map[cell]uint64{}, rng: rand.New(rand.NewPCG(seed, 2))}
	s.srv = &http.Server{Handler: s.numbered(sim.Handler()), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.srv.Serve(l) }() // ends with Close
	return s, nil
}

func (s *source) stop() error { return s.srv.Close() }

// placeholders is the data set of the server: what it says is replaced on the way out.
func placeholders() []byte {
	var b bytes.Buffer
	b.WriteString("series,period,raw_mw\n")
	for _, a := range areas() {
		for h := range sourceHours {
			fmt.Fprintf(&b, "%s,%s,%d\n", a, firstHour.Add(time.Duration(h)*time.Hour).Format("2006-01-02T15"), base)
		}
	}
	return b.Bytes()
}

// say makes the values of items what the source serves, as of now.
func (s *source) say(now time.Time, items []Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range items {
		s.numbers[cell{strings.TrimPrefix(i.Series, "eia."), i.TS.Unix()}] = i.Seq
	}
	s.sim.SetNow(now)
}

func (s *source) misbehave(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mischief = on
}

// numbered replaces the values of answers by the numbered ones.
func (s *source) numbered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answer{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(answer, r)
		body := answer.body.Bytes()
		if changed, err := s.rewrite(body); err == nil {
			body = changed
		} // what is no data is passed on as it is: errors, and answers cut short
		w.WriteHeader(answer.status)
		_, _ = w.Write(body)
	})
}

// answer is a response that is kept back.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

var errNoData = errors.New("not an answer with data")

func (s *source) rewrite(body []byte) ([]byte, error) {
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	response, ok := all["response"].(map[string]any)
	if !ok {
		return nil, errNoData
	}
	rows, ok := response["data"].([]any)
	if !ok {
		return nil, errNoData
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		s.number(r)
	}
	if s.mischief {
		response["data"] = s.shuffle(rows)
	}
	return json.Marshal(all)
}

func (s *source) number(r any) {
	row, ok := r.(map[string]any)
	if !ok {
		return
	}
	area, _ := row["respondent"].(string)
	period, _ := row["period"].(string)
	ts, err := time.Parse("2006-01-02T15", period)
	if err != nil {
		return
	}
	if n := s.numbers[cell{area, ts.Unix()}]; n > 0 {
		row["value"] = strconv.FormatFloat(Value(n), 'f', -1, 64)
	}
}

// shuffle returns rows in another order, some of them twice.
func (s *source) shuffle(rows []any) []any {
	out := rows
	for _, r := range rows {
		if s.rng.Float64() < 0.3 {
			out = append(out, r)
		}
	}
	s.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
