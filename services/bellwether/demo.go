package bellwether

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// Demo shows the whole pipeline at work. The five services run as processes of their own, over TCP, as they would in
// production; only the bus and the store are embedded in this one.
type Demo struct {
	Exit      bool          `help:"End when done: code 0 only if every stage did its work. Without it the pipeline stays up."`
	Dir       string        `help:"Folder of the demo's data and logs. It must be new, empty, or of an earlier demo; that is emptied." default:"data/demo" type:"path"`
	Data      string        `help:"CSV file of real demand, a folder that holds it, or 'generated'; the usual place if empty." env:"BELLWETHER_DATA"`
	Start     time.Time     `help:"Begin of the replay (RFC 3339); about eight months before the end of the data by default."`
	History   int           `help:"Days of history to backfill." default:"400"`
	Replay    int           `help:"Days to replay hour by hour." default:"14"`
	BusAddr   string        `help:"Address of the embedded bus; a free port if the default one is taken." default:"127.0.0.1:4222"`
	StoreAddr string        `help:"Address of the embedded store; a free port if the default one is taken." default:"127.0.0.1:8123"`
	APIServer string        `help:"The EIA-shaped server; beside this binary by default." type:"path" name:"api-server"`
	Patience  time.Duration `help:"Longest wait for any one thing to happen." default:"60s"`
}

// demo is a running demonstration.
type demo struct {
	Demo
	show   *show
	bus    *natsio.Bus
	store  *chio.Store
	api    *api
	alerts *alertLog
	nats   natsio.Config
	ch     chio.Config
	areas  []string
	procs  map[string]*process
	run    context.Context // lifetime of the children
	log    *zap.Logger

	now        time.Time // replayed clock
	begin, end time.Time // of the scored replay
}

// Run implements the command.
func (d *Demo) Run(ctx context.Context, out Output) error {
	started := time.Now()
	if err := d.validate(); err != nil {
		return err
	}
	if err := clearDir(d.Dir); err != nil {
		return fmt.Errorf("dir: %w", err)
	}
	a := app.New(30 * time.Second)
	x := &demo{Demo: *d, show: newShow(out.Out, started), procs: map[string]*process{}, log: zap.NewNop()}
	defer x.show.done()
	err := x.script(ctx, a)
	if err == nil {
		err = x.finish(ctx, started, out)
	}
	if err == nil && !d.Exit {
		<-ctx.Done()
	}
	return errors.Join(err, x.stop(), a.Close(ctx))
}

func (d *Demo) validate() error {
	var errs []error
	if d.History < 60 {
		errs = append(errs, fmt.Errorf("history: %d days are fewer than 60", d.History))
	}
	if d.Patience <= 0 {
		errs = append(errs, fmt.Errorf("patience: %s is not positive", d.Patience))
	}
	if d.Replay < 1 {
		errs = append(errs, fmt.Errorf("replay: %d days are fewer than 1", d.Replay))
	}
	return errors.Join(errs...)
}

// script runs the stages in order. Each either does its work or ends the demo with what went wrong.
func (d *demo) script(ctx context.Context, a *app.App) error {
	for _, stage := range []struct {
		title string
		run   func(ctx context.Context, a *app.App) (string, error)
	}{
		{"start the EIA-shaped API", d.startSource},
		{"start the bus and the store", d.startEmbedded},
		{"start five services", d.startServices},
		{"backfill", d.backfill},
		{"train", d.train},
		{"replay hour by hour", d.replay},
	} {
		if err := d.show.stage(stage.title, func() (string, error) { return stage.run(ctx, a) }); err != nil {
			return err
		}
	}
	for _, f := range d.faults() {
		if err := d.show.stage("fault: "+f.title, func() (string, error) { return d.suffer(ctx, f) }); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) finish(ctx context.Context, started time.Time, out Output) error {
	// On a machine under load other alerts than those of the faults may have fired, and may not be resolved yet.
	if err := d.until(ctx, "every alert to be resolved", func(context.Context) (bool, error) {
		raised, resolved := d.alerts.totals()
		return raised == resolved, nil
	}); err != nil {
		return err
	}
	acc, err := d.store.Accuracy(ctx, d.begin, d.end)
	if err != nil {
		return err
	}
	counts := map[string]uint64{}
	for _, view := range []string{"v_observations", "v_quarantine", "v_forecasts"} {
		if counts[view], err = d.store.Count(ctx, view); err != nil {
			return err
		}
	}
	raised, resolved := d.alerts.totals()
	better := 0
	for _, s := range acc.Series {
		if s.MAPE < s.NaiveMAPE {
			better++
		}
	}
	d.show.done()
	fmt.Fprintf(out.Out, `
Found       in %d days, %d forecast points scored: better than the seasonal naive forecast in %d of %d areas
            80 %% intervals held %.0f %% of the observations, 90 %% intervals %.0f %%
            %d observations kept back; %d alerts raised (%s), %d resolved

%sClickHouse  http://%s/?database=%s
NATS        %s
Try next    curl 'http://%s/?database=%s' -d 'SELECT * FROM v_scores_daily LIMIT 5 FORMAT PrettyCompact'
            %s status --nats-url=%s --clickhouse-addr=%s
            nats --server %s sub 'bw.alert.>'
`, d.Replay, acc.N, better, len(acc.Series), 100*acc.Coverage80, 100*acc.Coverage90,
		counts["v_quarantine"], raised, d.alerts.names(), resolved,
		d.again(), d.ch.Addr, d.ch.Database, d.nats.URL, d.ch.Addr, d.ch.Database, os.Args[0], d.nats.URL, d.ch.Addr, d.nats.URL)
	fmt.Fprintf(out.Out, "demo: data=%s areas=%d observations=%d quarantined=%d forecasts=%d mape=%.2f naive_mape=%.2f alerts_raised=%d alerts_resolved=%d seconds=%d\n",
		d.api.info.Kind, len(d.areas), counts["v_observations"], counts["v_quarantine"], counts["v_forecasts"], acc.MAPE, acc.NaiveMAPE,
		raised, resolved, int(time.Since(started).Seconds()))
	return nil
}

// again says how long bus and store are there, or how to have them back when the demo ends at once.
func (d *demo) again() string {
	if !d.Exit {
		return "Stays up    until Ctrl-C\n"
	}
	return fmt.Sprintf("Look again  %s up --services=none --dir=%s\n", os.Args[0], d.Dir)
}
