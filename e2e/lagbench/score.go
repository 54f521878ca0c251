package lagbench

import (
	"fmt"
	"io"
	"strings"

	"github.com/bellwether-forecast/bellwether/libs/lag"
)

// confusion counts verdicts by true state.
type confusion map[lag.State]map[lag.State]int

func (c confusion) add(truth, said lag.State) {
	if c[truth] == nil {
		c[truth] = map[lag.State]int{}
	}
	c[truth][said]++
}

// f1 is the harmonic mean of precision and recall of a state; 0 when it was never named rightly.
func (c confusion) f1(s lag.State) float64 {
	right, named, occurred := c[s][s], 0, 0
	for truth, said := range c {
		named += said[s]
		for _, n := range said {
			if truth == s {
				occurred += n
			}
		}
	}
	if right == 0 {
		return 0
	}
	return 2 * float64(right) / float64(named+occurred)
}

// macro is the mean of f1 over all states: Sokolova & Lapalme, Information Processing & Management 45(4), 2009.
func (c confusion) macro() float64 {
	sum := 0.0
	for _, s := range lag.States() {
		sum += c.f1(s)
	}
	return sum / float64(len(lag.States()))
}

// write prints true states in rows and named ones in columns.
func (c confusion) write(w io.Writer, title string) {
	fmt.Fprintf(w, "%-17s", title)
	for _, s := range lag.States() {
		fmt.Fprintf(w, " %7s", short(s))
	}
	fmt.Fprintln(w, "      f1")
	for _, truth := range lag.States() {
		fmt.Fprintf(w, "%-17s", truth)
		for _, said := range lag.States() {
			if n := c[truth][said]; n > 0 {
				fmt.Fprintf(w, " %7d", n)
			} else {
				fmt.Fprintf(w, " %7s", ".")
			}
		}
		fmt.Fprintf(w, " %7.3f\n", c.f1(truth))
	}
}

// short is the first word of a state.
func short(s lag.State) string {
	word, _, _ := strings.Cut(string(s), "_")
	return word[:min(len(word), 7)]
}
