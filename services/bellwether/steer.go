package bellwether

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

// Train asks for new models.
type Train struct {
	Connection `embed:""`
	Series     []string  `arg:"" help:"Series to train, for example eia.PJM; 'all' for every series of the record."`
	AsOf       time.Time `help:"Train on what was known at this time (RFC 3339); by default on everything up to the newest observation."`
}

// Run implements the command.
func (t *Train) Run(ctx context.Context, out Output) error {
	chosen, err := t.choose(ctx)
	if err != nil {
		return err
	}
	bus, err := t.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	now := time.Now().UTC()
	for _, s := range chosen {
		job := forecast.Job{
			Series: s.ID, ID: fmt.Sprintf("%s.%s.%d", forecast.Manual, s.ID, now.UnixNano()), Reason: forecast.Manual,
			AsOf: t.AsOf, RequestedAt: now, RequestedBy: "bellwether train",
		}
		if job.AsOf.IsZero() {
			job.AsOf = s.Last.Add(time.Hour)
		}
		err := bus.Publish(ctx, stage.Message{Subject: wire.TrainJob(s.ID), ID: "job." + job.ID, Data: wire.EncodeJob(job)})
		switch {
		case errors.Is(err, natsio.ErrDiscarded):
			fmt.Fprintf(out.Out, "%s: a job is already open\n", s.ID)
		case err != nil:
			return err
		default:
			fmt.Fprintf(out.Out, "%s: asked for a model as of %s\n", s.ID, job.AsOf.Format(time.RFC3339))
		}
	}
	return nil
}

// choose returns the series of the record that the arguments name.
func (t *Train) choose(ctx context.Context) ([]chio.SeriesStatus, error) {
	for _, name := range t.Series {
		if _, err := series.ParseID(name); err != nil && name != "all" {
			return nil, err
		}
	}
	store, err := t.store(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	status, err := store.Status(ctx)
	if err != nil || slices.Contains(t.Series, "all") {
		return status.Series, err
	}
	var out []chio.SeriesStatus
	for _, name := range t.Series {
		i := slices.IndexFunc(status.Series, func(s chio.SeriesStatus) bool { return s.ID.String() == name })
		if i < 0 {
			return nil, fmt.Errorf("%s: the record has no such series; bellwether status lists those it has", name)
		}
		out = append(out, status.Series[i])
	}
	return out, nil
}

// Refresh asks the ingestor to fetch now.
type Refresh struct {
	Connection `embed:""`
	AsOf       time.Time `help:"Fetch as if it were this time (RFC 3339), to replay a history; now by default."`
	Source     string    `help:"Source to fetch from; all that can be asked by default." placeholder:"NAME"`
}

// Run implements the command.
func (r *Refresh) Run(ctx context.Context, out Output) error {
	bus, err := r.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	run, err := refresh(ctx, bus, r.Source, r.AsOf)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Out, "%s of %s: %d rows fetched, %d new, %d revised, %d malformed\n", run.Origin, run.Source, run.Fetched, run.New, run.Revised, run.Malformed)
	return nil
}

const refreshTimeout = 30 * time.Minute

// refresh asks the ingestor for one run and waits for its result. No source means all, a zero asOf now.
func refresh(ctx context.Context, bus *natsio.Bus, source string, asOf time.Time) (ingestor.Refreshed, error) {
	// A first backfill over a rate-limited API takes minutes.
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	in, err := json.Marshal(ingestor.RefreshRequest{AsOf: asOf, Source: source})
	if err != nil {
		return ingestor.Refreshed{}, err
	}
	data, err := bus.Request(ctx, wire.Control(event.Ingestor, "refresh"), in)
	if err != nil {
		return ingestor.Refreshed{}, fmt.Errorf("refresh: %w", err)
	}
	var out ingestor.Refreshed
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("refresh: answer %q: %w", data, err)
	}
	return out, nil
}

// Provision lays out a NATS server.
type Provision struct {
	NATS     natsio.Config `embed:"" prefix:"nats-"`
	DryRun   bool          `help:"Show what would change, change nothing."`
	Replicas int           `help:"Replicas of every stream." default:"1"`

	Schedules schedules `embed:"" prefix:"schedule-"`
}

// schedules are what the bus makes due again and again.
type schedules struct {
	Train    string `help:"When every series is trained again: seconds, minutes, hours, day of month, month, day of week; or @daily, @every 12h; 'never' ends it." default:"0 30 2 * * *" placeholder:"CRON"`
	Forecast string `help:"When series whose observations are late are forecast all the same; like --schedule-train." default:"0 20 * * * *" placeholder:"CRON"`
	Zone     string `help:"IANA time zone of the schedules; UTC by default." placeholder:"ZONE"`
}

func (s schedules) all() []natsio.Schedule {
	all := []natsio.Schedule{
		{Name: wire.DueTrain, Cron: s.Train, Zone: s.Zone},
		{Name: wire.DueForecast, Cron: s.Forecast, Zone: s.Zone},
	}
	for i, one := range all {
		if one.Cron == "never" {
			all[i] = natsio.Schedule{Name: one.Name}
		}
	}
	return all
}

// Run implements the command.
func (p *Provision) Run(ctx context.Context, out Output) error {
	bus, err := Connection{NATS: p.NATS}.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	changes, err := natsio.Provision(ctx, bus, natsio.ProvisionOptions{DryRun: p.DryRun, Replicas: p.Replicas, Schedules: p.Schedules.all()})
	for _, c := range changes {
		fmt.Fprintln(out.Out, c)
	}
	if err == nil && len(changes) == 0 {
		fmt.Fprintln(out.Out, "streams, buckets and schedules are as they should be")
	}
	return err
}
