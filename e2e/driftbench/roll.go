package driftbench

import (
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

const (
	horizon = 48
	refit   = 28 // days between fits
)

// roll is a model rolled forward: a forecast from each local midnight, by a model fitted every refit days on what was
// known then.
type roll struct {
	Key     string
	Origins []origin
}

// origin is one forecast. Mean is empty where the model could not serve, after an outage.
type origin struct {
	At   int // index of the last hour known
	Mean []float32
}

// forward rolls a model over what is seen of y, from the local day of from until the day before to.
func forward(y, seen series.Series, from, to time.Time) roll {
	from = from.In(y.Location())
	fitter := model.ARRidge{Week: true}
	r := roll{Key: y.ID.Key}
	var m model.Forecaster
	for day := 0; ; day++ {
		at := time.Date(from.Year(), from.Month(), from.Day()+day, 0, 0, 0, 0, y.Location())
		if !at.Before(to) {
			return r
		}
		i, _ := y.Index(at)
		if i >= y.Len() {
			return r
		}
		known := seen.Slice(0, i+1)
		if day%refit == 0 {
			if fitted, err := fitter.Fit(known); err == nil {
				m = fitted
			}
		}
		o := origin{At: i}
		if m != nil {
			if mean, err := m.Forecast(known.Tail(m.History()), horizon); err == nil {
				for _, v := range mean {
					o.Mean = append(o.Mean, float32(v))
				}
			}
		}
		r.Origins = append(r.Origins, o)
	}
}

// at returns the value at an index, NaN outside.
func at(y series.Series, i int) float64 {
	if i < 0 || i >= y.Len() {
		return math.NaN()
	}
	return y.Values[i]
}
