package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

// patience is the longest wait for any one thing in these tests.
const patience = 2 * time.Minute

// source starts an EIA-shaped server for three areas, of real demand when it is at hand.
func source(t *testing.T) (*eiasim.Server, string) {
	t.Helper()
	t.Chdir("..") // the data folder is looked for beside the checkout
	sim, err := eiasim.New(eiasim.Config{Data: os.Getenv("BELLWETHER_DATA"), Areas: []string{"TVA", "FPL", "PSCO"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("running on %s data", sim.Info().Kind)
	srv := httptest.NewServer(sim.Handler())
	t.Cleanup(srv.Close)
	return sim, srv.URL
}

// stack is a running bellwether up, with connections to its bus and store.
type stack struct {
	t     *testing.T
	cmd   *exec.Cmd
	bus   *natsio.Bus
	store *chio.Store

	busURL, storeAddr string
}

// start runs the whole pipeline on dir: bellwether up. Every start gets new ports.
func start(t *testing.T, dir string, args ...string) *stack {
	t.Helper()
	s := launch(t, dir, append([]string{
		"--dir=" + dir + "/data", "--bus-addr=127.0.0.1:0", "--store-addr=127.0.0.1:0", "--heartbeat=500ms",
		"--ingestor-poll=0s", "--ingestor-areas=TVA,FPL,PSCO", "--ingestor-backfill=60", "--ingestor-eia-key=TEST", "--ingestor-eia-rate=1000",
	}, args...)...)
	s.until("five services to answer", func(ctx context.Context) (bool, error) {
		up, err := s.bus.Ping(ctx)
		return err == nil && len(up) == 5, nil
	})
	return s
}

// launch runs bellwether up and connects to what it says it runs on. Its log goes to <dir>/up.log.
func launch(t *testing.T, dir string, args ...string) *stack {
	t.Helper()
	s := &stack{t: t}
	s.cmd = exec.Command(program(t, dir, "bellwether"), append([]string{"up", "--schedule-train=never", "--schedule-forecast=never"}, args...)...)
	log, err := os.OpenFile(dir+"/up.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	s.cmd.Stderr = log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	busURL, storeAddr := "", ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 2 && f[0] == "bus":
			busURL = f[1]
		case len(f) == 2 && f[0] == "store":
			storeAddr, _, _ = strings.Cut(strings.TrimPrefix(f[1], "http://"), "/")
		}
		if strings.HasPrefix(lines.Text(), "running ") {
			s.connect(busURL, storeAddr)
			return s
		}
	}
	said, _ := os.ReadFile(dir + "/up.log")
	t.Fatalf("bellwether up did not start: %s", said)
	return nil
}

func (s *stack) connect(busURL, storeAddr string) {
	s.t.Helper()
	s.busURL, s.storeAddr = busURL, storeAddr
	var err error
	if s.bus, err = natsio.Connect(s.t.Context(), natsio.Config{URL: busURL}, zap.NewNop(), nil); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.bus.Close)
	cfg := chio.DefaultConfig()
	cfg.Addr = storeAddr
	if s.store, err = chio.Open(s.t.Context(), cfg, nil); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.store.Close() })
}

// kill ends the process as a crash would. It may be called again.
func (s *stack) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// stop asks the process to end and returns how long that took.
func (s *stack) stop() (time.Duration, error) {
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	err := s.cmd.Wait()
	return time.Since(began), err
}

// refresh asks the ingestor to fetch as of a time.
func (s *stack) refresh(ctx context.Context, asOf time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	in, err := json.Marshal(ingestor.RefreshRequest{AsOf: asOf})
	if err != nil {
		return err
	}
	_, err = s.bus.Request(ctx, wire.Control("ingestor", "refresh"), in)
	return err
}

// settle waits until everything on the bus is handled.
func (s *stack) settle() {
	s.t.Helper()
	s.until("the pipeline to settle", func(ctx context.Context) (bool, error) {
		for _, c := range [][2]string{
			{wire.StreamObs, "validator"}, {wire.StreamObs, "forecaster_obs"}, {wire.StreamJob, "trainer"}, {wire.StreamModel, "forecaster_model"},
		} {
			lag, err := s.bus.Lag(ctx, c[0], c[1])
			if err != nil || lag.Pending+lag.AckPending > 0 {
				return false, nil //nolint:nilerr // the consumer may not be there yet
			}
		}
		return true, nil
	})
}

func (s *stack) until(what string, ready func(context.Context) (bool, error)) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ready(ctx)
		if err != nil {
			s.t.Fatalf("wait for %s: %v", what, err)
		}
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// number returns the single number a query gives.
func (s *stack) number(query string) string {
	s.t.Helper()
	_, rows, err := s.store.Query(s.t.Context(), query)
	if err != nil || len(rows) != 1 || len(rows[0]) != 1 {
		s.t.Fatalf("%s: %v, %v", query, rows, err)
	}
	return fmt.Sprint(rows[0][0])
}

// unix returns t as a number for SQL.
func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
