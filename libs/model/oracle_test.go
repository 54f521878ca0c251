package model

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// oracle is testdata/oracle/oracle.json: the word of statsforecast and statsmodels on series made by a formula.
type oracle struct {
	Versions     map[string]string `json:"versions"`
	At           []int             `json:"at"`
	STLSeason    []float64         `json:"stl_season"`
	STLTrend     []float64         `json:"stl_trend"`
	MSTLDay      []float64         `json:"mstl_day"`
	MSTLWeek     []float64         `json:"mstl_week"`
	ThetaYearly  []float64         `json:"theta_yearly"`
	ThetaMonthly []float64         `json:"theta_monthly"`
	ETSDamped    []float64         `json:"ets_damped"`
	ETSLevel     []float64         `json:"ets_level"`
	SNaive       []float64         `json:"snaive"`
}

func readOracle(t *testing.T) oracle {
	t.Helper()
	b, err := os.ReadFile("testdata/oracle/oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	var o oracle
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// formula returns a series of n values on a grid of hours.
func formula(n int, f func(i float64) float64) series.Series {
	y := series.Series{Start: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour}
	for i := range n {
		y.Values = append(y.Values, f(float64(i)))
	}
	return y
}

func twoSeasons(i float64) float64 {
	return 10 + 0.01*i + 3*math.Sin(2*math.Pi*i/24) + math.Sin(2*math.Pi*i/168) + 0.1*math.Sin(i*i)
}

func bent(i float64) float64 { return 100 + 40*math.Log1p(i) + 3*math.Sin(i*i) }

func bentMonths(i float64) float64 { return bent(i) * (1 + 0.2*math.Sin(2*math.Pi*i/12)) }

// near reports values of got, at the indices at when given, that are further from want than allowed.
func near(t *testing.T, what string, got []float64, at []int, want []float64, allowed float64) {
	t.Helper()
	for i, w := range want {
		k := i
		if at != nil {
			k = at[i]
		}
		if math.Abs(got[k]-w) > allowed {
			t.Errorf("%s[%d] = %v, the oracle says %v (within %v)", what, k, got[k], w, allowed)
		}
	}
}

func TestSTLOracle(t *testing.T) {
	o, y := readOracle(t), formula(960, twoSeasons)
	season, trend := stl(y.Values, 24, 11)
	near(t, "season", season, o.At, o.STLSeason, 1e-7)
	near(t, "trend", trend, o.At, o.STLTrend, 1e-7)
	// statsmodels computes every point of the long windows, this package every tenth of a window.
	seasons, _ := mstl(y.Values, []int{24, 168})
	near(t, "day", seasons[0], o.At, o.MSTLDay, 0.02)
	near(t, "week", seasons[1], o.At, o.MSTLWeek, 0.02)
}

// TestForecastOracle allows what two searches for the same optimum may differ by.
func TestForecastOracle(t *testing.T) {
	o := readOracle(t)
	for name, tc := range map[string]struct {
		fitter Fitter
		y      series.Series
		want   []float64
		within float64 // share of the value
	}{
		"theta":          {Theta{Period: 1}, formula(40, bent), o.ThetaYearly, 0.01},
		"theta, seasons": {Theta{Period: 12}, formula(120, bentMonths), o.ThetaMonthly, 0.02},
		"damped trend":   {ETS{Period: 1}, formula(40, bent), o.ETSDamped, 0.01},
		"level":          {ETS{Period: 1}, formula(60, func(i float64) float64 { return 50 + 5*math.Sin(i*i) }), o.ETSLevel, 0.02},
		"seasonal naive": {SeasonalNaive{Period: 24}, formula(960, twoSeasons), o.SNaive, 1e-7},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := tc.fitter.Fit(tc.y)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Forecast(tc.y, len(tc.want))
			if err != nil {
				t.Fatal(err)
			}
			near(t, "forecast", got, nil, tc.want, tc.within*tc.want[0])
		})
	}
}
