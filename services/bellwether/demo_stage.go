package bellwether

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

func (d *demo) startSource(ctx context.Context, a *app.App) (string, error) {
	path, err := d.apiServer()
	if err != nil {
		return "", err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var args []string
	if d.Data != "" {
		args = []string{"--data=" + d.Data}
	}
	if d.api, err = startAPI(run, path, args...); err != nil {
		cancel()
		return "", err
	}
	a.OnStop("api server", func(context.Context) error { cancel(); <-d.api.done; return nil })
	for _, x := range d.api.info.Areas {
		d.areas = append(d.areas, x.ID)
	}
	if err := d.placeReplay(); err != nil {
		return "", err
	}
	if err := d.api.setNow(ctx, d.now); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s demand of %s, on %s", d.api.info.Kind, strings.Join(d.areas, " "), d.api.url), nil
}

// placeReplay sets the clock to where the replay begins.
func (d *demo) placeReplay() error {
	first, last := d.api.info.First, d.api.info.Last
	d.now = d.Start.UTC()
	if d.Start.IsZero() {
		d.now = last.AddDate(0, -8, 0).Truncate(24 * time.Hour)
	}
	d.begin, d.end = d.now, d.now.AddDate(0, 0, d.Replay)
	if need := d.now.AddDate(0, 0, -d.History); need.Before(first) {
		return fmt.Errorf("start: %d days before %s is before the data begin, %s", d.History, d.now.Format(time.DateOnly), first.Format(time.DateOnly))
	}
	if d.end.AddDate(0, 0, 10).After(last) {
		return fmt.Errorf("start: the replay would run beyond the data, which end %s", last.Format(time.DateOnly))
	}
	return nil
}

func (d *demo) apiServer() (string, error) {
	if d.APIServer != "" {
		return d.APIServer, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), "eiasim")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("api-server: %w; build it with make build, or name it with --api-server", err)
	}
	return path, nil
}

func (d *demo) startEmbedded(ctx context.Context, a *app.App) (string, error) {
	e, err := openEmbedded(ctx, a, embedded{
		dir: d.Dir, bus: true, store: true, busAddr: freeAddr(ctx, d.BusAddr, defaultBusAddr), storeAddr: freeAddr(ctx, d.StoreAddr, defaultStoreAddr),
		nats: natsio.Config{}, clickhouse: chio.DefaultConfig(),
	}, d.log)
	if err != nil {
		return "", err
	}
	d.nats, d.ch = e.nats, e.clickhouse
	c := Connection{NATS: d.nats, Store: d.ch}
	if d.bus, err = c.bus(ctx); err != nil {
		return "", err
	}
	a.OnStop("bus connection", func(context.Context) error { d.bus.Close(); return nil })
	if d.store, err = c.store(ctx); err != nil {
		return "", err
	}
	a.OnStop("store connection", func(context.Context) error { return d.store.Close() })
	d.alerts = followAlerts(ctx, a, d.bus)
	return fmt.Sprintf("NATS on %s, ClickHouse on http://%s", d.nats.URL, d.ch.Addr), nil
}

func (d *demo) startServices(ctx context.Context, a *app.App) (string, error) {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.run = run
	a.OnStop("children", func(context.Context) error { cancel(); return nil })
	for _, name := range event.Services() {
		if err := d.spawn(name); err != nil {
			return "", err
		}
	}
	if err := d.until(ctx, "all services to answer", func(ctx context.Context) (bool, error) {
		up, err := d.bus.Ping(ctx)
		return err == nil && len(up) >= len(event.Services()), nil
	}); err != nil {
		return "", err
	}
	return strings.Join(event.Services(), ", ") + "; logs in " + filepath.Join(d.Dir, "logs"), nil
}

// spawn starts one service with the demo's quick clocks.
func (d *demo) spawn(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := spawn(d.run, filepath.Join(d.Dir, "logs"), name, self, "up", "--embed=none", "--services="+name,
		"--nats-url="+d.nats.URL, "--clickhouse-addr="+d.ch.Addr, "--heartbeat=500ms", "--instance="+name+"-1",
		"--ingestor-eia-url="+d.api.url, "--ingestor-eia-key=DEMO", "--ingestor-eia-tries=2", "--ingestor-eia-rate=1000", "--ingestor-eia-wait=50ms", "--ingestor-eia-cooldown=500ms", "--ingestor-areas="+strings.Join(d.areas, ","),
		fmt.Sprintf("--ingestor-backfill=%d", d.History), "--ingestor-poll=0s",
		"--monitor-stall-for=5s", "--monitor-heartbeat-floor=2s", "--monitor-keep-firing-for=500ms", "--monitor-settle-for=2s",
	)
	if err != nil {
		return err
	}
	d.procs[name] = p
	return nil
}

// stop asks the children to end and waits until they have.
func (d *demo) stop() error {
	var errs []error
	for _, p := range d.procs {
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, err)
		}
	}
	for _, p := range d.procs {
		<-p.done
	}
	return errors.Join(errs...)
}

func (d *demo) backfill(ctx context.Context, _ *app.App) (string, error) {
	done := make(chan error, 1)
	go func() {
		_, err := refresh(ctx, d.bus, "", d.now)
		done <- err
	}()
	want := uint64(len(d.areas) * d.History * 24)
	finished := false
	err := d.until(ctx, "the backfill", func(ctx context.Context) (bool, error) {
		select {
		case err := <-done:
			if err != nil {
				return false, err
			}
			finished = true
		default:
		}
		n, err := d.store.Count(ctx, "observations")
		if err != nil {
			return false, err
		}
		d.show.progress("%d of about %d observations", n, want)
		if !finished {
			return false, nil
		}
		return d.settled(ctx)
	})
	if err != nil {
		return "", err
	}
	n, err := d.store.Count(ctx, "v_observations")
	return fmt.Sprintf("%d observations of %d areas since %s", n, len(d.areas), d.now.AddDate(0, 0, -d.History).Format(time.DateOnly)), err
}

func (d *demo) train(ctx context.Context, _ *app.App) (string, error) {
	champions := map[string]int{}
	err := d.until(ctx, "a champion for every area", func(ctx context.Context) (bool, error) {
		clear(champions)
		n := 0
		for _, area := range d.areas {
			m, found, err := d.store.Champion(ctx, series.ID{Source: "eia", Key: area})
			if err != nil {
				return false, err
			}
			if found {
				champions[string(m.Kind)]++
				n++
			}
		}
		d.show.progress("%d of %d areas have a champion", n, len(d.areas))
		return n == len(d.areas), nil
	})
	if err != nil {
		return "", err
	}
	var kinds []string
	for k, n := range champions {
		kinds = append(kinds, fmt.Sprintf("%s × %d", k, n))
	}
	if err := d.until(ctx, "the trainer to finish", d.idle(trainerConsumer, forecasterModels)); err != nil {
		return "", err
	}
	return "champions: " + strings.Join(kinds, ", "), nil
}

func (d *demo) replay(ctx context.Context, _ *app.App) (string, error) {
	for d.now.Before(d.end) {
		if err := d.hour(ctx); err != nil {
			return "", err
		}
		d.show.progress("%s, day %d of %d", d.now.Format("2006-01-02 15:04"), int(d.now.Sub(d.begin).Hours()/24)+1, d.Replay)
	}
	acc, err := d.store.Accuracy(ctx, d.begin, d.end)
	if err != nil {
		return "", err
	}
	if acc.N == 0 {
		return "", errors.New("no forecast was scored")
	}
	return fmt.Sprintf("%d forecast points scored: MAPE %.2f %% over 1..48 h, seasonal naive %.2f %%", acc.N, acc.MAPE, acc.NaiveMAPE), nil
}

// hour advances the replayed clock by one hour and waits until the pipeline has taken it in.
func (d *demo) hour(ctx context.Context) error {
	if err := d.advance(ctx); err != nil {
		return err
	}
	return d.settle(ctx)
}

// advance moves the clock and has the ingestor fetch.
func (d *demo) advance(ctx context.Context) error {
	d.now = d.now.Add(time.Hour)
	if err := d.api.setNow(ctx, d.now); err != nil {
		return err
	}
	_, err := refresh(ctx, d.bus, "", d.now)
	return err
}
