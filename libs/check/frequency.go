package check

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Spacing flags a batch whose points are all the same multiple of the step apart, or all the same fraction of it: a
// source that now reports another frequency under the same name.
type Spacing struct {
	Need int // points in the batch; 0 means never
}

// Check judges the points of a batch, which are in order of time.
func (c Spacing) Check(obs []series.Observation, step time.Duration) (Finding, bool) {
	if c.Need < 2 || len(obs) < c.Need {
		return Finding{}, false
	}
	apart := obs[1].TS.Sub(obs[0].TS)
	if apart == step || apart <= 0 {
		return Finding{}, false
	}
	for i := 2; i < len(obs); i++ {
		if obs[i].TS.Sub(obs[i-1].TS) != apart {
			return Finding{}, false
		}
	}
	return Finding{
		Check: Frequency, Outcome: Flag, Observed: apart.Seconds(), Expected: step.Seconds(), Threshold: float64(c.Need),
		Detail: fmt.Sprintf("%d points %s apart, the step is %s", len(obs), apart, step),
	}, true
}
