package eval

import (
	"math"
	"math/rand/v2"
)

// Superior tests whether a rival does better than the model in service by more than chance: the test for superior
// predictive ability (White, Econometrica 68(5), 2000; studentised and recentred as by Hansen, Journal of Business &
// Economic Statistics 23(4), 2005) of the losses at the origins of a backtest, by paired circular block bootstrap
// (Politis & Romano 1992). All rivals are tested together, so that the best of many is not taken for better than it is.
//
// A loss is the mean absolute error at one origin. Neighbouring origins share targets and weather: blocks of them are
// drawn, never single ones.
//
// The zero value is ready. The same results and seed give the same answer.
type Superior struct {
	Draws int    // bootstrap samples; 0 means 2000
	Block int    // origins in a block; 0 means as many as share targets, but at least the cube root of their number
	Seed  uint64 // of the draws
}

// Win is what Superior found.
type Win struct {
	Rival int     // index of the rival with the smallest mean loss; -1 when there is none to test
	Gain  float64 // share by which its mean loss is below that of the model in service; negative when it is above
	P     float64 // probability of a win as clear as this if no rival were better; 1 when there is none
}

// Test compares all results with the one at the index served. They have the same origins. A rival that failed at any
// origin does not stand; origins at which the served model failed, or nothing was observed, do not count. Fewer than
// five origins prove nothing.
func (s Superior) Test(results []Result, served int) Win {
	gains, rivals := pairedGains(results, served)
	win := Win{Rival: -1, Gain: math.NaN(), P: 1}
	loss := results[served].meanLoss()
	best := 0
	for i, g := range gains {
		if m := average(g); win.Rival < 0 || m > average(gains[best]) {
			best, win.Rival, win.Gain = i, rivals[i], m/loss
		}
	}
	if win.Rival >= 0 && len(gains[0]) >= leastPairs && win.Gain > 0 {
		win.P = s.pValue(gains, best, results[served])
	}
	return win
}

// leastPairs is the number of origins below which nothing is significant.
const leastPairs = 5

// pairedGains returns for each rival that stands by how much its loss is below the served model's at each origin that
// counts, and the indices of the rivals.
func pairedGains(results []Result, served int) (gains [][]float64, rivals []int) {
	var at []int
	var base []float64
	for k, o := range results[served].Origins {
		if loss := o.Metrics().MAE; o.Err == nil && !math.IsNaN(loss) {
			at, base = append(at, k), append(base, loss)
		}
	}
	for i, r := range results {
		if i == served || r.Failed() > 0 || len(at) == 0 {
			continue
		}
		g := make([]float64, len(at))
		for j, k := range at {
			g[j] = base[j] - r.Origins[k].Metrics().MAE
		}
		gains, rivals = append(gains, g), append(rivals, i)
	}
	return gains, rivals
}

// meanLoss returns the mean over the origins of the loss at each.
func (r Result) meanLoss() float64 {
	var m []float64
	for _, o := range r.Origins {
		if loss := o.Metrics().MAE; o.Err == nil && !math.IsNaN(loss) {
			m = append(m, loss)
		}
	}
	return average(m)
}

func average(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// pValue returns the share of samples in which some rival wins as clearly as the rival best did, when none is better.
//
// Every sample is divided by a standard error of its own, from the blocks drawn (Götze & Künsch, Annals of Statistics
// 24(5), 1996): with a handful of blocks the error is hardly known, and a fixed one would find too many winners.
func (s Superior) pValue(gains [][]float64, best int, served Result) float64 {
	n := len(gains[0])
	draws := s.Draws
	if draws <= 0 {
		draws = 2000
	}
	length := max(1, min(s.block(served, n), n/4)) // at least four blocks, or nothing is ever significant
	all := make([]rivalBlocks, len(gains))
	for i, g := range gains {
		all[i] = newRivalBlocks(g, length)
	}
	observed := all[best].mean / max(all[best].err, tiny)
	random := rand.New(rand.NewPCG(s.Seed, uint64(n))) //nolint:gosec // a bootstrap wants repeatable numbers, not secret ones
	drawn := make([]int, n/length)
	reached := 1 // the sample at hand is one of them
	for range draws {
		for j := range drawn {
			drawn[j] = random.IntN(n)
		}
		greatest := 0.0
		for _, b := range all {
			greatest = max(greatest, b.sample(drawn))
		}
		if greatest >= observed {
			reached++
		}
	}
	return float64(reached) / float64(draws+1)
}

// tiny is a standard error below which gains are all alike.
const tiny = 1e-12

// rivalBlocks are the gains of one rival, as the means of all blocks of origins.
type rivalBlocks struct {
	means  []float64 // of the block that starts at each origin, the first following the last
	mean   float64
	err    float64 // standard error of mean
	centre float64 // what samples are taken to scatter around
}

func newRivalBlocks(g []float64, length int) rivalBlocks {
	n := len(g)
	b := rivalBlocks{means: make([]float64, n), mean: average(g)}
	spread := 0.0
	for i := range b.means {
		for k := range length {
			b.means[i] += g[(i+k)%n] / float64(length)
		}
		spread += (b.means[i] - b.mean) * (b.means[i] - b.mean) / float64(n)
	}
	// The means of n/length blocks, of which one is used up by the mean itself.
	b.err = math.Sqrt(spread / (float64(n)/float64(length) - 1))
	b.centre = b.mean
	// Rivals that are clearly worse do not make it harder for the others (Hansen's consistent recentring).
	if limit := math.Sqrt(2 * math.Log(math.Log(max(float64(n), math.E)))); b.mean < -limit*b.err {
		b.centre = 0
	}
	return b
}

// sample returns the studentised mean of the blocks drawn, around the centre.
func (b rivalBlocks) sample(drawn []int) float64 {
	m := 0.0
	for _, k := range drawn {
		m += b.means[k] / float64(len(drawn))
	}
	spread := 0.0
	for _, k := range drawn {
		spread += (b.means[k] - m) * (b.means[k] - m)
	}
	err := math.Sqrt(spread / float64(len(drawn)*(len(drawn)-1)))
	if err <= tiny {
		return 0 // gains that are all alike say nothing of chance
	}
	return (m - b.centre) / err
}

// block returns the length of the blocks for n origins.
func (s Superior) block(served Result, n int) int {
	if s.Block > 0 {
		return s.Block
	}
	b := int(math.Ceil(math.Cbrt(float64(n))))
	if o := served.Origins; len(o) > 1 {
		if stride := o[1].At.Sub(o[0].At); stride > 0 && served.Step > 0 {
			b = max(b, int(math.Ceil(float64(served.Horizon)*float64(served.Step)/float64(stride)))+1)
		}
	}
	return b
}
