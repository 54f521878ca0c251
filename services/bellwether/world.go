package bellwether

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// process is a child that runs one service.
type process struct {
	log    string // file of its output
	cmd    *exec.Cmd
	killed bool
	done   chan struct{} // closed when it has ended
	err    error         // set before done is closed
}

// spawn starts a child whose output goes to <dir>/<name>.log. It dies with ctx: first SIGTERM, then, after 10 s, SIGKILL.
func spawn(ctx context.Context, dir, name, path string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	p := &process{log: log.Name(), cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = errors.Join(cmd.Wait(), log.Close())
		close(p.done)
	}()
	return p, nil
}

// kill ends the child at once, as a crash would, and waits until it is gone.
func (p *process) kill() error {
	p.killed = true
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

// lastLine returns the last line of a file that is not empty, or "" when there is none.
func lastLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	data = bytes.TrimSpace(data)
	return string(data[bytes.LastIndexByte(data, '\n')+1:])
}

// api is the EIA-shaped server of the demo and its controls.
type api struct {
	url  string
	info apiInfo
	done chan struct{} // closed when the server has ended
}

type apiInfo struct {
	Kind  string    `json:"kind"` // "real" or "generated"
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Areas []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Zone string `json:"zone"`
	} `json:"areas"`
}

// startAPI starts the server, which prints its address when it is ready.
func startAPI(ctx context.Context, path string, args ...string) (*api, error) {
	cmd := exec.CommandContext(ctx, path, append([]string{"--listen=127.0.0.1:0"}, args...)...)
	cmd.SysProcAttr = dieWithParent()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("api-server: %w; build it with make build, or name it with --api-server", err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		err = errors.Join(cmd.Wait(), err)
		if said := strings.TrimSpace(stderr.String()); said != "" {
			return nil, errors.New(said)
		}
		return nil, fmt.Errorf("api-server: %w", err)
	}
	a := &api{url: regexp.MustCompile(`http://\S+`).FindString(line), done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // it ends when it is told to
		close(a.done)
	}()
	if err := a.call(ctx, http.MethodGet, "/_sim/info", nil, &a.info); err != nil {
		return nil, err
	}
	return a, nil
}

// setNow moves the replayed clock.
func (a *api) setNow(ctx context.Context, now time.Time) error {
	return a.call(ctx, http.MethodPut, "/_sim/now", map[string]time.Time{"now": now}, nil)
}

// setFaults replaces the faults in force; nil ends them.
func (a *api) setFaults(ctx context.Context, faults any) error {
	if faults == nil {
		return a.call(ctx, http.MethodDelete, "/_sim/faults", nil, nil)
	}
	return a.call(ctx, http.MethodPut, "/_sim/faults", faults, nil)
}

func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, body)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("api-server: %w", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("api-server: %w", err)
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("api-server: %s %s: %s: %s", method, path, res.Status, bytes.TrimSpace(data))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}
