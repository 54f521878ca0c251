package forecast

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// byDefinition is the formula of MinT, S (S' W^-1 S)^-1 S' W^-1 y, with matrices.
func byDefinition(t *testing.T, parent Base, children []Base) (top float64, bottom []float64) {
	t.Helper()
	n := len(children)
	s, winv, y := mat.NewDense(n+1, n, nil), mat.NewDense(n+1, n+1, nil), mat.NewVecDense(n+1, nil)
	y.SetVec(0, parent.Mean)
	winv.Set(0, 0, 1/(parent.Error*parent.Error))
	for i, c := range children {
		s.Set(0, i, 1)
		s.Set(i+1, i, 1)
		y.SetVec(i+1, c.Mean)
		winv.Set(i+1, i+1, 1/(c.Error*c.Error))
	}
	var sw, sws, inv, p mat.Dense
	sw.Mul(s.T(), winv)
	sws.Mul(&sw, s)
	if err := inv.Inverse(&sws); err != nil {
		t.Fatal(err)
	}
	p.Mul(&inv, &sw)
	var b mat.VecDense
	b.MulVec(&p, y)
	for i := range n {
		bottom = append(bottom, b.AtVec(i))
		top += b.AtVec(i)
	}
	return top, bottom
}

func TestReconcile(t *testing.T) {
	nan := math.NaN()
	for name, tc := range map[string]struct {
		method   Method
		parent   Base
		children []Base
		top      float64
		bottom   []float64
	}{
		"bottom up":                        {BottomUp, Base{100, 5}, []Base{{30, 1}, {50, 1}}, 80, []float64{30, 50}},
		"all as sure":                      {MinTDiagonal, Base{99, 1}, []Base{{30, 1}, {60, 1}}, 96, []float64{33, 63}},
		"the parent is surer":              {MinTDiagonal, Base{100, 0.001}, []Base{{30, 1}, {50, 2}}, 100, []float64{34, 66}},
		"a child is surer":                 {MinTDiagonal, Base{100, 1000}, []Base{{30, 0.001}, {50, 1000}}, 90, []float64{30, 60}},
		"no error known: by structure":     {MinTDiagonal, Base{100, nan}, []Base{{30, 1}, {50, 1}}, 90, []float64{35, 55}},
		"nothing to mend":                  {MinTDiagonal, Base{80, 3}, []Base{{30, 1}, {50, 2}}, 80, []float64{30, 50}},
		"an only child shares what is off": {MinTDiagonal, Base{100, 1}, []Base{{80, 1}}, 90, []float64{90}},
	} {
		t.Run(name, func(t *testing.T) {
			top, bottom, err := Reconcile(tc.method, tc.parent, tc.children)
			if err != nil || math.Abs(top-tc.top) > 1e-3 {
				t.Fatalf("parent %v, %v; want %v", top, err, tc.top)
			}
			for i, v := range bottom {
				if math.Abs(v-tc.bottom[i]) > 1e-3 {
					t.Errorf("child %d: %v, want %v", i, v, tc.bottom[i])
				}
			}
		})
	}
	parent, children := Base{1234, 17}, []Base{{200, 3}, {500, 11}, {430, 7}}
	top, bottom, err := Reconcile(MinTDiagonal, parent, children)
	wantTop, want := byDefinition(t, parent, children)
	if err != nil || math.Abs(top-wantTop) > 1e-9*wantTop {
		t.Errorf("parent %v, %v; the definition says %v", top, err, wantTop)
	}
	for i := range want {
		if math.Abs(bottom[i]-want[i]) > 1e-9*want[i] {
			t.Errorf("child %d: %v, the definition says %v", i, bottom[i], want[i])
		}
	}
	if _, _, err := Reconcile("best", parent, children); !errors.Is(err, ErrMethod) {
		t.Errorf("an unknown method gives %v", err)
	}
}
