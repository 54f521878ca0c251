package natsio

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Start says from where Follow reads.
type Start int

// Starts.
const (
	FromNew            Start = iota // messages stored from now on
	FromAll                         // everything the stream has
	FromLastPerSubject              // the newest message of each subject, then new ones
	FromTime                        // messages stored since FollowOptions.Since
)

// FollowOptions say what to follow.
type FollowOptions struct {
	Stream   string   // empty: the stream of the first subject
	Subjects []string // empty: all of the stream
	From     Start
	Since    time.Time // for FromTime; when set, From may be left FromNew
	CaughtUp bool      // end when the newest message stored at that time has been read, instead of waiting for more
}

// Follow reads messages without acknowledging anything, and calls f for each, in order, until ctx is done (it then
// returns nil), f returns an error (it then returns that), or the stream is gone. It leaves no trace on the bus and
// survives reconnections. Work queue streams cannot be followed.
func (b *Bus) Follow(ctx context.Context, o FollowOptions, f func(stage.Message) error) error {
	stream := o.Stream
	if stream == "" {
		if len(o.Subjects) == 0 {
			return errors.New("follow: neither stream nor subjects are given")
		}
		var err error
		if stream, err = b.js.StreamNameBySubject(ctx, o.Subjects[0]); err != nil {
			return apiError("follow "+o.Subjects[0], err)
		}
	}
	c, err := b.js.OrderedConsumer(ctx, stream, o.config())
	if err != nil {
		return apiError("follow "+stream, err)
	}
	if o.CaughtUp {
		info, err := c.Info(ctx)
		if err != nil {
			return apiError("follow "+stream, err)
		}
		if info.NumPending == 0 {
			return nil
		}
	}
	it, err := c.Messages(jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return apiError("follow "+stream, err)
	}
	defer it.Stop()
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the iterator asks again
		case err != nil:
			return apiError("follow "+stream, err)
		}
		d, err := newDelivery(m)
		if err != nil {
			return apiError("follow "+stream, err)
		}
		if err := f(d.in); err != nil {
			return err
		}
		if o.CaughtUp && d.behind == 0 {
			return nil
		}
	}
}

// stored returns the filters that find in a stream what was published on subjects.
func stored(subjects []string) []string {
	filters := make([]string, len(subjects))
	for i, s := range subjects {
		filters[i] = wire.Stored(s)
	}
	return filters
}

func (o FollowOptions) config() jetstream.OrderedConsumerConfig {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: stored(o.Subjects), DeliverPolicy: jetstream.DeliverNewPolicy}
	switch {
	case o.From == FromAll:
		cfg.DeliverPolicy = jetstream.DeliverAllPolicy
	case o.From == FromLastPerSubject:
		cfg.DeliverPolicy = jetstream.DeliverLastPerSubjectPolicy
	case !o.Since.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &o.Since
	}
	return cfg
}
