package bench

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/model"
)

// Week is the step that slow series are put on; their models look at the order of values alone.
const Week = 7 * 24 * time.Hour

// SlowLab returns the lab of a set whose series have one season or none: weekly and slower. Settings are the defaults
// of the models; nothing was chosen on these sets.
func SlowLab(s Set) Lab {
	return Lab{
		Candidates: []model.Fitter{
			model.SeasonalNaive{Period: s.Season},
			model.Naive2{Period: s.Season},
			model.ETS{Period: s.Season},
			model.Theta{Period: s.Season},
		},
		Plan:      eval.Plan{Origins: 6, Stride: max(1, s.Horizon/4), Horizon: s.Horizon, MinTrain: 8, RefitEvery: 1},
		Weighting: eval.Weighting{Power: 2, Shrink: 4},
		Split:     eval.Split{Bucket: max(2, s.Horizon/3), Widen: 2},
	}
}
