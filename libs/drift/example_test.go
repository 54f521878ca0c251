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
			scaled = 6 // demand has doubled, and the model does not know
		}
		switch d.Step(scaled) {
		case drift.Raised:
			fmt.Printf("hour %d: raised at %.2f\n", hour, d.Value())
		case drift.Cleared:
			fmt.Printf("hour %d: cleared at %.2f\n", hour, d.Value())
		}
	}
	// Output:
	// hour 111: raised at 2.52
	// hour 190: cleared at 1.50
}
