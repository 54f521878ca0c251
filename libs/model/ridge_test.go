package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestNormal compares with the textbook solution on the whole design matrix, by gonum's QR of the augmented system.
func TestNormal(t *testing.T) {
	const (
		groups, p, hot = 3, 4, 5
		rows           = 60
		penalty        = 0.7
	)
	rng := rand.New(rand.NewPCG(1, 2))
	n := newNormal(groups, p, hot)
	q := p + hot
	x, y := mat.NewDense(rows+q, q, nil), mat.NewVecDense(rows+q, nil)
	for i := range rows + 20 {
		dense := []float64{1, rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		ones := []int{rng.IntN(3), 3 + rng.IntN(2)}
		v := rng.NormFloat64()
		n.add(i%groups, dense, ones, v, 1)
		if i >= rows {
			n.add(i%groups, dense, ones, v, -1) // put in and taken out again
			continue
		}
		for j, d := range dense {
			x.Set(i, j, d)
		}
		x.Set(i, p+ones[0], 1)
		x.Set(i, p+ones[1], 1)
		y.SetVec(i, v)
	}
	x.Set(rows, 0, math.Sqrt(freePenalty))
	for j := 1; j < q; j++ {
		x.Set(rows+j, j, math.Sqrt(penalty))
	}
	var want mat.VecDense
	if err := want.SolveVec(x, y); err != nil {
		t.Fatal(err)
	}
	got, err := n.solve(penalty)
	if err != nil {
		t.Fatal(err)
	}
	for j, v := range append(got.Dense[0], got.Profile...) {
		if math.Abs(v-want.AtVec(j)) > 1e-9 {
			t.Errorf("coefficient %d = %v, want %v", j, v, want.AtVec(j))
		}
	}
}

func TestCholeskyNotPositive(t *testing.T) {
	for name, a := range map[string][]float64{
		"zero":     {0},
		"negative": {1, 0, 2, 1},
		"nan":      {math.NaN()},
		"infinite": {math.Inf(1)},
	} {
		t.Run(name, func(t *testing.T) {
			if cholesky(a, int(math.Sqrt(float64(len(a))))) {
				t.Error("factored a matrix that is not positive definite")
			}
		})
	}
}
