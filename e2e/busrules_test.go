package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// violations collects what the server refused for want of a right.
type violations struct {
	mu   sync.Mutex
	seen []string
}

// Errorf implements server.Logger.
func (v *violations) Errorf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if strings.Contains(line, "Violation") {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.seen = append(v.seen, line)
	}
}

// The rest of server.Logger says nothing about rights.
func (*violations) Noticef(string, ...any) {}
func (*violations) Warnf(string, ...any)   {}
func (*violations) Fatalf(string, ...any)  {}
func (*violations) Debugf(string, ...any)  {}
func (*violations) Tracef(string, ...any)  {}

func (v *violations) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	seen := v.seen
	v.seen = nil
	return seen
}

// busWithRules starts a server with the configuration that Kubernetes gets, on a free port. It returns its address, what
// it refuses, and a function that returns the password file of a user.
func busWithRules(t *testing.T) (string, *violations, func(user string) string) {
	t.Helper()
	dir := t.TempDir()
	passwordFile := func(user string) string { return filepath.Join(dir, user) }
	for _, user := range append(event.Services(), "operator", "reader") {
		setPassword(t, user, "pw-"+user)
		if err := os.WriteFile(passwordFile(user), []byte("pw-"+user+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := &violations{}
	ns := runBus(t, dir, server.RANDOM_PORT, refused)
	return ns.ClientURL(), refused, passwordFile
}

// setPassword sets what the server takes for a user from its next start on.
func setPassword(t *testing.T, user, password string) {
	t.Helper()
	t.Setenv("NATS_"+strings.ToUpper(user), password)
}

// runBus starts a server on a folder and a port.
func runBus(t *testing.T, dir string, port int, log server.Logger) *server.Server {
	t.Helper()
	t.Setenv("POD_NAME", "nats-0")
	opts, err := server.ProcessConfigFile(filepath.Join("deploy", "k8s", "base", "nats", "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.HTTPPort, opts.StoreDir, opts.PidFile, opts.NoSigs = "127.0.0.1", port, 0, dir, "", true
	ns, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the server does not take connections")
	}
	return ns
}

// TestServicesKeepWithinTheirRights runs the pipeline, each service as its own user, under the rules of
// deploy/k8s/base/nats: it must work, and nothing it does may be refused.
func TestServicesKeepWithinTheirRights(t *testing.T) {
	sim, source := source(t)
	url, refused, passwordFile := busWithRules(t)
	dir := t.TempDir()
	operator := natsio.Config{URL: url, User: "operator", PasswordFile: passwordFile("operator")}
	bus, err := natsio.Connect(t.Context(), operator, zap.NewNop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	if _, err := natsio.Provision(t.Context(), bus, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	store := launch(t, dir, "--services=none", "--dir="+dir+"/store", "--store-addr="+addr, "--bus-addr=127.0.0.1:0")
	file := sourcesFile(t, fmt.Sprintf(eiaSource, source)+natsSource)
	var services []*exec.Cmd
	for _, name := range event.Services() {
		services = append(services, launchAs(t, dir, name, "--nats-url="+url, "--nats-user="+name, "--nats-password-file="+passwordFile(name),
			"--clickhouse-addr="+addr, "--ingestor-sources="+file))
	}
	s := &stack{t: t, bus: bus, store: store.store}
	s.until("five services to answer", func(ctx context.Context) (bool, error) {
		up, err := bus.Ping(ctx)
		return err == nil && len(up) == 5, nil
	})
	begin := sim.Info().Last.AddDate(0, -8, 0).Truncate(24 * time.Hour)
	for h := range 3 {
		now := begin.Add(time.Duration(h) * time.Hour)
		sim.SetNow(now)
		if err := s.refresh(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		s.settle()
	}
	if got := s.number("SELECT uniqExact(series) FROM v_forecasts"); got != "3" {
		t.Errorf("%s series have a forecast, want 3", got)
	}
	// The ingestor reads what is sent on the bus, and gives up what it cannot take.
	send(t, bus, "1", observationOf("2023-04-01T05:00:00Z", "7"))
	send(t, bus, "2", "nonsense")
	s.becomes("SELECT count() FROM v_observations WHERE series = 'scada.north'", "1")
	s.until("the message that is given up", func(ctx context.Context) (bool, error) {
		dead, err := bus.DeadLetters(ctx, "ingestor_scada")
		return len(dead) == 1, err
	})
	// Requests: one that is answered, and one that a trainer without models refuses.
	if _, err := bus.Request(t.Context(), wire.Control(event.Forecaster, "get"), []byte(`{"series":["eia.TVA","eia.FPL"]}`)); err != nil {
		t.Errorf("get: %v", err)
	}
	if _, err := bus.Request(t.Context(), wire.Control(event.Trainer, "promote"), []byte(`{"series":"eia.NONE"}`)); err == nil || !strings.Contains(err.Error(), "no champion") {
		t.Errorf("promote of a series without models: %v", err)
	}
	// An alert is told as the monitor's user too.
	alerts := follow(t, bus)
	if err := services[0].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, alerts, "service_silent", event.Firing)
	for _, cmd := range services[1:] {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("a service ended with %v, want a clean end", err)
		}
	}
	for _, line := range refused.take() {
		t.Errorf("the bus refused: %s", line)
	}
}

// launchAs runs one service in a process of its own, with quick clocks. Its log goes to <dir>/<name>.log.
func launchAs(t *testing.T, dir, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program(t, dir, "bellwether"), append([]string{
		"up", "--embed=none", "--services=" + name, "--instance=" + name + "-1", "--heartbeat=500ms",
		"--ingestor-poll=0s", "--ingestor-areas=TVA,FPL,PSCO", "--ingestor-backfill=60", "--ingestor-eia-key=TEST", "--ingestor-eia-rate=1000",
		"--monitor-heartbeat-floor=2s", "--monitor-settle-for=1s",
	}, args...)...)
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// TestUsersHaveNoOtherRights tries what each user must not be able to do.
func TestUsersHaveNoOtherRights(t *testing.T) {
	t.Chdir("..")
	url, refused, passwordFile := busWithRules(t)
	for name, tc := range map[string]struct{ user, publish, subscribe string }{
		"a service does not speak for another":         {user: "validator", publish: "bw.event.heartbeat.monitor"},
		"the validator publishes no forecast":          {user: "validator", publish: "bw.forecast.eia.PJM"},
		"the forecaster raises no alert":               {user: "forecaster", publish: "bw.alert.critical.operational.x"},
		"the ingestor does not judge":                  {user: "ingestor", publish: "bw.obs.valid.eia.PJM"},
		"the trainer deletes no stream":                {user: "trainer", publish: "$JS.API.STREAM.DELETE.BW_JOB"},
		"the monitor creates no stream":                {user: "monitor", publish: "$JS.API.STREAM.CREATE.X"},
		"a service does not steer":                     {user: "monitor", publish: "bw.ctl.ingestor.refresh"},
		"the trainer reads no observations":            {user: "trainer", publish: "$JS.API.CONSUMER.CREATE.BW_OBS.x"},
		"the ingestor does not touch alerts":           {user: "ingestor", publish: "$KV.bw_alert.x"},
		"a service does not hear answers of another":   {user: "validator", subscribe: "_INBOX.forecaster.>"},
		"a service does not listen to the whole bus":   {user: "ingestor", subscribe: ">"},
		"a reader says nothing":                        {user: "reader", publish: "bw.alert.critical.operational.x"},
		"a reader hears alerts and forecasts, no data": {user: "reader", subscribe: "bw.obs.>"},
		"the operator hears no answers of services":    {user: "operator", subscribe: "_INBOX.monitor.>"},
	} {
		t.Run(name, func(t *testing.T) {
			password, err := os.ReadFile(passwordFile(tc.user))
			if err != nil {
				t.Fatal(err)
			}
			failed := make(chan error, 1)
			nc, err := nats.Connect(url, nats.UserInfo(tc.user, strings.TrimSpace(string(password))),
				nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { failed <- err }))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if tc.publish != "" {
				err = nc.Publish(tc.publish, nil)
			} else {
				_, err = nc.SubscribeSync(tc.subscribe)
			}
			if err = errors.Join(err, nc.Flush()); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-failed:
				if !errors.Is(err, nats.ErrPermissionViolation) {
					t.Errorf("refused with %v, want a permissions violation", err)
				}
			case <-time.After(patience):
				t.Error("allowed")
			}
		})
	}
	refused.take()
	if _, err := nats.Connect(url); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a client without a user got %v, want %v", err, nats.ErrAuthorization)
	}
}

// TestPasswordMayChange changes a password at the server first and in the file later, as happens when a Secret changes:
// the service must come back by itself.
func TestPasswordMayChange(t *testing.T) {
	t.Chdir("..")
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range append(event.Services(), "operator", "reader") {
		setPassword(t, user, "old")
	}
	write("old")
	ns := runBus(t, dir, server.RANDOM_PORT, &violations{})
	bus, err := natsio.Connect(t.Context(), natsio.Config{URL: ns.ClientURL(), User: "validator", PasswordFile: file}, zap.NewNop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	port := ns.Addr().(*net.TCPAddr).Port
	ns.Shutdown()
	ns.WaitForShutdown()

	setPassword(t, "validator", "new")
	refused := &refusals{seen: make(chan struct{}, 100)}
	runBus(t, dir, port, refused)
	for range 3 { // more than the client puts up with by itself
		select {
		case <-refused.seen:
		case <-time.After(patience):
			t.Fatal("the old password was not tried, or not refused")
		}
	}
	write("new")
	s := &stack{t: t}
	s.until("the connection to be up again", func(context.Context) (bool, error) { return bus.Ready() == nil, nil })
}

// refusals tells when a server refuses a password.
type refusals struct {
	violations
	seen chan struct{}
}

// Errorf implements server.Logger.
func (r *refusals) Errorf(format string, args ...any) {
	if strings.Contains(fmt.Sprintf(format, args...), "authentication error") {
		select {
		case r.seen <- struct{}{}:
		default:
		}
	}
}
