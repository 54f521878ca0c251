package series_test

import (
	"math"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

func TestDigest(t *testing.T) {
	base := series.Series{Start: start, Step: time.Hour, Values: []float64{1, math.NaN(), 3}}
	// Oracle: sha256sum of start, nanoseconds and step as little-endian 64-bit words, then the values (NaN is 0x7ff8000000000001), computed with Python 3's hashlib.
	const want = "d9a4deb92e3aa4b5935e4ee553bd3f47d82342043d548adcef4c61d76541ad8d"
	if got := series.Digest(base); got != want {
		t.Errorf("Digest = %s, want %s", got, want)
	}
	same := base
	same.ID, same.Unit, same.Zone = series.ID{Source: "a", Key: "b"}, "MW", time.FixedZone("x", 3600)
	same.Start = start.In(time.FixedZone("x", 3600))
	same.Values = []float64{1, math.Float64frombits(0x7ff8000000000123), 3}
	if got := series.Digest(same); got != want {
		t.Errorf("Digest of the same data = %s, want %s", got, want)
	}
	for name, change := range map[string]func(*series.Series){
		"start":    func(s *series.Series) { s.Start = s.Start.Add(time.Nanosecond) },
		"step":     func(s *series.Series) { s.Step *= 2 },
		"value":    func(s *series.Series) { s.Values = []float64{1, math.NaN(), math.Nextafter(3, 4)} },
		"missing":  func(s *series.Series) { s.Values = []float64{1, 0, 3} },
		"length":   func(s *series.Series) { s.Values = []float64{1, math.NaN(), 3, 3} },
		"negative": func(s *series.Series) { s.Values = []float64{1, math.NaN(), -3} },
	} {
		t.Run(name, func(t *testing.T) {
			other := base
			change(&other)
			if series.Digest(other) == want {
				t.Errorf("another %s has the same digest", name)
			}
		})
	}
}
