package lagbench

import (
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/lag"
)

// The oracle is what each script does to its consumer. The benchmark runs more of the same.
func TestStatesOnJetStream(t *testing.T) {
	res, err := options{Runs: 3, Healthy: 30 * time.Minute, Workers: 4, Seed: 7}.run(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if res.macro < 0.99 || res.alarms > 0 {
		t.Errorf("macro F1 %.3f, %d false alarms, want 0.99 or more, none", res.macro, res.alarms)
	}
	if res.burrow >= res.macro {
		t.Errorf("Burrow's rules have %.3f, which know five states of eleven", res.burrow)
	}
}

// The oracle is arithmetic by hand: 3 of 4 right, 1 wrongly named.
func TestF1(t *testing.T) {
	c := confusion{}
	for range 3 {
		c.add(lag.OK, lag.OK)
	}
	c.add(lag.OK, lag.Slow)
	c.add(lag.Slow, lag.OK)
	if got := c.f1(lag.OK); got != 0.75 {
		t.Errorf("F1 of OK is %g, want 0.75", got)
	}
	if got := c.f1(lag.Slow); got != 0 {
		t.Errorf("F1 of SLOW is %g, want 0", got)
	}
	if got := c.macro(); got != 0.75/11 {
		t.Errorf("macro F1 is %g, want 0.75/11", got)
	}
}
