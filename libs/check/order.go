package check

import (
	"fmt"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Ordered flags a batch whose points run neither forward nor backward in time: rows of several requests were mixed, or
// a page came twice. The finding belongs to the first point that turns back; at is its index.
func Ordered(obs []series.Observation) (f Finding, at int, mixed bool) {
	forward, backward, first := 0, 0, 0
	for i := 1; i < len(obs); i++ {
		switch obs[i].TS.Compare(obs[i-1].TS) {
		case 1:
			forward++
		case -1:
			if backward == 0 {
				first = i
			}
			backward++
		}
	}
	if forward == 0 || backward == 0 {
		return Finding{}, 0, false
	}
	return Finding{
		Check: Order, Outcome: Flag, Observed: float64(backward), Expected: 0,
		Detail: fmt.Sprintf("%d of %d points come before the one above them", backward, len(obs)),
	}, first, true
}
