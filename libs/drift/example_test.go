package drift_test

import (
	"fmt"

	"github.com/bellwether-forecast/bellwether/libs/drift"
)

func ExampleErrorEWMA() {
	var d drift.ErrorEWMA
	for hour := range 200 {
		scaled := 1.0 // as in the backtest
		if hour >= 100 && hour < 130 {
			scaled = 12 // demand has doubled, and the model does not know
		}
		switch d.Step(scaled) {
		case drift.Raised:
			fmt.Printf("hour %d: raised at %.2f\n", hour, d.Value())
		case drift.Cleared:
			fmt.Printf("hour %d: cleared at %.2f\n", hour, d.Value())
		}
	}
	// Output:
	// hour 107: raised at 5.08
	// hour 156: cleared at 2.90
}
