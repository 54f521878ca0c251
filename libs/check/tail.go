package check

import "math"

// Tail learns how large a statistic gets when nothing is wrong, and gives the threshold that it exceeds at a stated
// rate: peaks over a base, whose excess is taken as exponential (Siffer et al., Anomaly Detection in Streams with
// Extreme Value Theory, KDD 2017, section 4, with the shape of the tail fixed at 0). It needs three numbers.
//
// A prior of four weeks values with the rate and the mean excess of a Laplace distribution in units of its standard
// deviation keeps early thresholds sane.
type Tail struct {
	N    float64 // values seen, old ones fading
	Over float64 // of them above the base
	Sum  float64 // of their excess
}

const (
	tailBase    = 3.0             // where the tail begins, in standard deviations
	tailExcess  = math.Sqrt2 / 2  // mean excess of a Laplace distribution of standard deviation 1
	tailRate    = 0.01            // its share beyond the base, about
	tailMemory  = 2 * 8766.0      // values after which half is forgotten: two years of hours
	priorWeight = 4 * hoursOfWeek // values the prior counts for
	tailMost    = 10.0            // an excess counts at most this: corruption that nobody noticed must not blunt the test
)

// Add learns from one value of the statistic.
func (t *Tail) Add(x float64) {
	t.N++
	if x > tailBase {
		t.Over++
		t.Sum += min(x-tailBase, tailMost)
	}
	if t.N > tailMemory {
		t.N, t.Over, t.Sum = t.N/2, t.Over/2, t.Sum/2
	}
}

// Threshold returns what a value exceeds with probability rate.
func (t *Tail) Threshold(rate float64) float64 {
	n := t.N + priorWeight
	over := t.Over + tailRate*priorWeight
	mean := (t.Sum + tailRate*priorWeight*tailExcess) / over
	return tailBase + mean*math.Log(max(over/(n*rate), 1))
}
