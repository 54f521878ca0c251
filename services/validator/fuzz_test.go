package validator

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// FuzzHandle feeds arbitrary batches after a sound start. Whatever comes in: what is passed on is finite, above the
// minimum, on the grid, in order and said once, and redelivery passes on the same.
func FuzzHandle(f *testing.F) {
	for _, m := range []struct {
		hours []byte
		value float64
	}{{[]byte{0, 1, 1, 0}, 1000}, {[]byte{200, 3, 255}, 1e6}, {[]byte{7}, math.Inf(-1)}, {[]byte{1, 1}, math.NaN()}} {
		f.Add(m.hours, m.value, int64(3600))
	}
	f.Fuzz(func(t *testing.T, hours []byte, value float64, step int64) {
		h, s := seeded(t, 5)
		b := batch("x")
		b.KnownAt, b.Step = hour(130), time.Duration(step)*time.Second
		for i, x := range hours {
			v := value
			if i%2 == 1 {
				v = math.Float64frombits(binary.LittleEndian.Uint64([]byte{x, 1, 2, 3, 4, x, x, 0x40}))
			}
			b.Obs = append(b.Obs, series.Observation{TS: hour(100 + int(int8(x))).Add(time.Duration(x/128) * time.Second), Value: v})
		}
		first := deliver(t, h, s, message(b)).valid
		if first == nil {
			return
		}
		last := time.Time{}
		for _, o := range first.Obs {
			if !(o.Value > 0) || math.IsInf(o.Value, 0) || !series.OnGrid(o.TS, b.Step) || !o.TS.After(last) {
				t.Errorf("passed on %v after %s", o, last)
			}
			last = o.TS
		}
		h.Forget()
		m := message(b)
		m.Attempt = 2
		again := deliver(t, h, s, m).valid
		if again == nil || len(again.Obs) < len(first.Obs) {
			t.Errorf("redelivery passed on %v, want at least %v", again, first.Obs)
		}
	})
}
