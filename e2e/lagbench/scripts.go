package lagbench

import (
	"context"
	"errors"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/lag"
)

// script is what a consumer does between two reports; step counts from 0.
type script func(ctx context.Context, r *rig, step int) error

// steps is how long a script runs before it is judged: its trouble fills the window.
const steps = lag.Size + 2

// scriptOf returns a script whose consumer is in the given state at its end, by the definition of the state and not by
// the rules that find it. Numbers are drawn anew for each run.
func scriptOf(s lag.State, r *rig) script {
	p, a := 2+r.rng.IntN(15), 2+r.rng.IntN(15)
	variant := r.rng.IntN(3)
	switch s {
	case lag.OK:
		return healthy(p, variant)
	case lag.CatchingUp:
		return begin(200+20*p, func(ctx context.Context, r *rig, _ int) error {
			return errors.Join(r.publish(p), r.work(ctx, p+a))
		})
	case lag.Slow:
		return begin(p, func(ctx context.Context, r *rig, _ int) error {
			return errors.Join(r.publish(p+a), r.work(ctx, a))
		})
	case lag.Stalled:
		return stalled(p, a, variant)
	case lag.BlockedAck:
		return begin(300, func(ctx context.Context, r *rig, step int) error {
			if step == 0 {
				return r.take(ctx, r.cfg.MaxAckPending)
			}
			return r.publish(p * (variant % 2))
		})
	case lag.NotPulling:
		return begin(p, func(_ context.Context, r *rig, _ int) error { return r.publish(a * (variant % 2)) })
	case lag.RedeliveryStorm:
		return begin(20+p, func(ctx context.Context, r *rig, _ int) error {
			err := r.take(ctx, min(10, 3+a))
			return errors.Join(err, r.putBack(), r.take(ctx, min(10, 3+a)), r.putBack(), r.publish(variant%2))
		})
	case lag.Rewind:
		return rewind(p)
	case lag.Lost:
		return begin(most/2, func(ctx context.Context, r *rig, step int) error {
			if step == 4 {
				// The stream is full, and what is oldest goes.
				return r.publish(most)
			}
			return errors.Join(r.publish(p), r.work(ctx, p/2))
		})
	case lag.Gone:
		return begin(p, func(ctx context.Context, r *rig, step int) error {
			if step == steps-2-variant {
				return r.remove(ctx)
			}
			if step > steps-2-variant {
				return r.publish(p)
			}
			return errors.Join(r.publish(p), r.work(ctx, 2*p))
		})
	case lag.NoData:
	}
	return nil
}

// most is how many messages a stream keeps.
const most = 2000

// begin runs a script over a backlog of n messages.
func begin(n int, s script) script {
	return func(ctx context.Context, r *rig, step int) error {
		if step == 0 {
			if err := r.publish(n); err != nil {
				return err
			}
		}
		return s(ctx, r, step)
	}
}

// healthy is a consumer without work, one that does all its work at once, and one that needs some time for a burst.
func healthy(p, variant int) script {
	return func(ctx context.Context, r *rig, step int) error {
		switch variant {
		case 0:
			return nil
		case 1:
			return errors.Join(r.publish(p), r.work(ctx, p))
		}
		n := 0
		if step%4 == 0 {
			n = 3 * p
		}
		return errors.Join(r.publish(n), r.work(ctx, p))
	}
}

// stalled is a consumer that hangs with messages in hand, one that is paused, and one that never finishes one message.
func stalled(p, a, variant int) script {
	return begin(p+30, func(ctx context.Context, r *rig, step int) error {
		switch {
		case variant == 0 && step == 0:
			return r.take(ctx, min(a, r.cfg.MaxAckPending-1))
		case variant == 1 && step == 0:
			_, err := r.js.PauseConsumer(ctx, r.stream, consumerName, time.Now().Add(time.Hour))
			return err
		case variant == 2 && step == 0:
			err := r.take(ctx, 1)
			r.held = nil
			return err
		case variant == 2:
			return errors.Join(r.publish(2), r.work(ctx, 2))
		}
		return r.publish(p % 3)
	})
}

// rewind is a consumer that is deleted and made anew at an earlier message.
func rewind(p int) script {
	return begin(100, func(ctx context.Context, r *rig, step int) error {
		if step == 4 {
			r.cfg.DeliverPolicy, r.cfg.OptStartSeq = 0, 0 // from the start
			if err := errors.Join(r.remove(ctx), r.create(ctx)); err != nil {
				return err
			}
		}
		n := 20
		if step >= 4 {
			n = 1
		}
		return errors.Join(r.publish(p), r.work(ctx, n))
	})
}
