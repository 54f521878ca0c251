package natsio

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Schedule makes the bus publish an empty message on wire.Due(Name) again and again, whoever is there to read it. It
// is kept in the stream as a message itself, so no process has to stay up for it, and none is special.
type Schedule struct {
	Name string // of wire.Due
	// Cron says when: seconds, minutes, hours, day of month, month, day of week; or @hourly, @daily, @every 30m, …
	// Empty means never, which ends an earlier schedule of that name.
	Cron string
	Zone string // IANA time zone of Cron; empty means UTC
}

// Headers of a schedule, as the server defines them (ADR-51).
const (
	headerSchedule = "Nats-Schedule"
	headerZone     = "Nats-Schedule-Time-Zone"
)

// String returns when s is due.
func (s Schedule) String() string {
	if s.Cron == "" {
		return "never"
	}
	if s.Zone == "" {
		return s.Cron
	}
	return s.Cron + " " + s.Zone
}

// Schedules returns the schedules of the bus that names have.
func (b *Bus) Schedules(ctx context.Context, names ...string) ([]Schedule, error) {
	var all []Schedule
	for _, name := range names {
		s, err := b.schedule(ctx, name)
		if err != nil {
			return nil, apiError("schedule "+name, err)
		}
		if s.Cron != "" {
			all = append(all, s)
		}
	}
	return all, nil
}

func (b *Bus) schedule(ctx context.Context, name string) (Schedule, error) {
	stream, err := b.js.Stream(ctx, wire.StreamSchedule)
	if err != nil {
		return Schedule{}, fmt.Errorf("look up stream: %w", err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, wire.Schedule(name))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Schedule{Name: name}, nil
	}
	if err != nil {
		return Schedule{}, fmt.Errorf("read: %w", err)
	}
	return Schedule{Name: name, Cron: m.Header.Get(headerSchedule), Zone: m.Header.Get(headerZone)}, nil
}

// putSchedule makes the schedule of that name what s says.
func (b *Bus) putSchedule(ctx context.Context, s Schedule) error {
	if s.Cron == "" {
		stream, err := b.js.Stream(ctx, wire.StreamSchedule)
		if err != nil {
			return apiError("end schedule "+s.Name, err)
		}
		return apiError("end schedule "+s.Name, stream.Purge(ctx, jetstream.WithPurgeSubject(wire.Schedule(s.Name))))
	}
	opts := []jetstream.PublishOpt{jetstream.WithScheduleCron(s.Cron), jetstream.WithScheduleTarget(wire.Due(s.Name))}
	if s.Zone != "" {
		opts = append(opts, jetstream.WithScheduleTimeZone(s.Zone))
	}
	_, err := b.js.Publish(ctx, wire.Schedule(s.Name), nil, opts...)
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.Code == 400 {
		return fmt.Errorf("schedule %s %q: %w; write seconds, minutes, hours, day of month, month, day of week, for example \"0 30 2 * * *\", and an IANA time zone", s.Name, s, err)
	}
	return apiError("put schedule "+s.Name, err)
}

func (p *provisioner) schedule(ctx context.Context, want Schedule) error {
	have := Schedule{Name: want.Name}
	if _, err := p.bus.js.Stream(ctx, wire.StreamSchedule); err == nil {
		if have, err = p.bus.schedule(ctx, want.Name); err != nil {
			return err
		}
	} else if !p.dryRun || !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("look up stream: %w", err)
	}
	if have == want {
		return nil
	}
	c := Change{Kind: "schedule", Name: want.Name, Action: "update", Detail: fmt.Sprintf("%s -> %s", have, want)}
	if have.Cron == "" {
		c.Action, c.Detail = "create", want.String()
	}
	if !p.dryRun {
		if err := p.bus.putSchedule(ctx, want); err != nil {
			return err
		}
	}
	p.changes = append(p.changes, c)
	return nil
}
