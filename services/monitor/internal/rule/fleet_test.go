package rule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	pure "github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// reading is what a forecaster says of a series and day.
func reading(key string, day int, ratio, p float64) event.Event {
	return event.Event{ID: fmt.Sprint(key, day), Service: "forecaster", Drift: &event.Drift{
		Series: series.ID{Source: "eia", Key: key}, Detector: pure.DailyError, Tier: event.TierEvent, Condition: event.Cleared,
		DataCut: epoch.AddDate(0, 0, day).Add(23 * time.Hour), Ratio: ratio, PValue: p, Statistic: ratio - 1,
	}}
}

// Ten series, whose errors are a fifth too large in all of them from day 80 on, and never so in one: the fleet is told once,
// names the worst, and a monitor that starts anew on the way knows what the first one knew. No retraining is asked for.
func TestFleetDrift(t *testing.T) {
	s := NewSet(DefaultConfig(), epoch)
	retrain := NewRetrain(DefaultConfig())
	active, since := 0, -1
	for day := range 120 {
		for i := range 10 {
			ratio, p := 1+0.02*float64((day*7+i*3)%5-2), 0.5
			if day >= 80 {
				ratio *= 1.2
			}
			if day >= 80 && i == 3 {
				p = 1e-6
			}
			e := reading(fmt.Sprint("S", i), day, ratio, p)
			if _, asked := retrain.Job(e); asked {
				t.Fatal("a reading asks for a retraining")
			}
			for _, x := range s.Observe(at(day), at(day), e) {
				checkFleet(t, x, day)
				if x.Active {
					active++
					if since < 0 {
						since = day
					}
				}
			}
		}
		data, changed, err := s.FleetState()
		if err != nil || changed != (day >= 2) {
			t.Fatalf("day %d: changed %t, %v; want a change with each day that is judged", day, changed, err)
		}
		if day%13 == 12 {
			s = NewSet(DefaultConfig(), epoch)
			if err := s.RestoreFleet(data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if since < 84 || since > 95 || active < 20 {
		t.Errorf("active from day %d on, %d times; want from a week or two after day 80 on, each day", since, active)
	}
}

func checkFleet(t *testing.T, x alert.Signal, day int) {
	t.Helper()
	if x.Name != FleetDrift || x.Active && (x.Severity != event.Critical || !strings.Contains(x.Cause, "what stands out: eia.S3;") && !strings.HasSuffix(x.Cause, "eia.S3")) {
		t.Errorf("day %d: signal %+v", day, x)
	}
}
