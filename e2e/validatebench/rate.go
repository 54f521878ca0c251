package validatebench

import (
	"context"
	"syscall"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/validator"
)

// cpu returns the processor time of this process: other programs on the machine do not count.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// checksRate returns how many points a second of processor time passes through all checks of a point.
func checksRate(data []*demand) float64 {
	habits := check.DefaultHabits()
	ahead, delay := check.Ahead{Tolerance: time.Hour}, check.Delay{Limit: 24 * time.Hour}
	bounds, relative, negative := check.Bounds{}, check.Relative{Low: 0.15, High: 3.5, Need: 72}, check.Negative{}
	daylight := check.Daylight{Within: time.Hour, Slack: 0.35}
	found := make([]check.Finding, 0, 8)
	n, said := 0, 0
	start := cpu()
	for _, d := range data {
		m := check.NewMemory(time.Hour, nil)
		for i, h := range d.hours {
			ts, known := d.time(i), d.time(i+1)
			level := check.Level{Median: m.Expected(ts), N: i}
			for _, bad := range []bool{
				second(ahead.Check(ts, known)), second(check.Grid(ts, time.Hour)), second(check.Missing(h.cleaned)),
				second(negative.Check(h.cleaned, level)), second(bounds.Check(h.cleaned)), second(relative.Check(h.cleaned, level)),
				second(daylight.Summed(m.Clock(), ts, h.cleaned, level.Median)), second(daylight.Lost(m.Clock(), ts, 0, time.Hour)),
				second(delay.Check(ts, known)),
			} {
				if bad {
					said++
				}
			}
			found = m.Observe(habits, ts, h.cleaned, found[:0])
			said += len(found)
			n++
		}
	}
	if said > n { // cannot be; keeps the work from being optimised away
		return 0
	}
	return float64(n) / (cpu() - start).Seconds()
}

func second(_ check.Finding, found bool) bool { return found }

// handlerRate returns how many points a second of processor time the validator turns from messages into rows and
// messages.
func handlerRate(ctx context.Context, data []*demand) (float64, error) {
	n := 0
	var took time.Duration
	for _, d := range data[:min(8, len(data))] {
		h := validator.New(validator.DefaultConfig(), d)
		var in []stage.Message
		for first := d.index(measured()); first+24 <= len(d.hours); first += 24 {
			b := d.batch(first, 24, cleaned)
			in = append(in, stage.Message{Subject: wire.Raw(d.id), ID: b.RunID, Data: wire.EncodeBatch(b), Attempt: 1})
			n += 24
		}
		start := cpu()
		for _, m := range in {
			if _, err := h.Handle(ctx, m); err != nil {
				return 0, err
			}
		}
		took += cpu() - start
	}
	return float64(n) / took.Seconds(), nil
}
