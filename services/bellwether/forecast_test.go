package bellwether

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/forecaster"
)

// twoHours is a forecast of two hours from noon.
func twoHours() forecaster.Issued {
	return forecaster.NewIssued(forecast.Forecast{
		Series: series.ID{Source: "eia", Key: "PJM"}, Unit: "MWh", IssuedAt: time.Date(2026, 3, 1, 12, 20, 0, 0, time.UTC),
		DataCut: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Step: time.Hour, ModelID: "abc", ModelKind: "lear",
		Mean: []float64{100000, 99000.5}, Quantiles: [][]float64{{90000, 89000}, {92000, 91000}, {100000, 99000}, {108000, 107000}, {110000, 109000}},
		Scale: []float64{1500, math.NaN()},
	})
}

func TestWriteIssued(t *testing.T) {
	var out bytes.Buffer
	if err := writeIssued(&out, []forecaster.Issued{twoHours()}); err != nil {
		t.Fatal(err)
	}
	check(t, `
series,target_ts,horizon,mean,p05,p10,p50,p90,p95,unit,issued_at,data_cut,model_id,model_kind,fallback,reason,reconciled
eia.PJM,2026-03-01T13:00:00Z,1,100000,90000,92000,100000,108000,110000,MWh,2026-03-01T12:20:00Z,2026-03-01T12:00:00Z,abc,lear,false,,
eia.PJM,2026-03-01T14:00:00Z,2,99000.5,89000,91000,99000,107000,109000,MWh,2026-03-01T12:20:00Z,2026-03-01T12:00:00Z,abc,lear,false,,
`, out.String())
}

func TestDraw(t *testing.T) {
	for name, tc := range map[string]struct {
		past []float64
		want []string
	}{
		"with its past":    {[]float64{95000, math.NaN(), 97000, 98000}, []string{"Mar 1 09:00", "Mar 1 14:00", "─", "•", "·", "┤"}},
		"without it":       {nil, []string{"Mar 1 13:00", "•", "·"}},
		"nothing observed": {[]float64{math.NaN(), math.NaN()}, []string{"•"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			draw(&out, twoHours(), tc.past, 80, 12, false)
			for _, want := range append(tc.want, "eia.PJM, MWh:", "lear abc forecasts 2 points from data up to 2026-03-01 12:00", "Next: 100000 MWh at 13:00, 90 % between 90000 and 110000.") {
				if !strings.Contains(out.String(), want) {
					t.Errorf("chart lacks %q:\n%s", want, &out)
				}
			}
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, "\x1b") {
					t.Errorf("colours without a terminal: %q", line)
				}
			}
		})
	}
}

func TestCaptionSaysWhoServes(t *testing.T) {
	x := twoHours()
	x.Fallback, x.Reason, x.Reconciled = true, "no model yet", forecast.BottomUp
	if got := caption(x); !strings.Contains(got, "A fallback: no model yet. Reconciled by bottom_up.") {
		t.Errorf("caption %q", got)
	}
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"": 100, "x": 100, "3": 100, "120": 120, "9000": 400} {
		if got := columns(text); got != want {
			t.Errorf("columns(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestForecastValidate(t *testing.T) {
	err := (&Forecast{Series: []string{"eia.PJM", "noKey"}, History: -1, Height: 1}).Validate()
	for _, want := range []string{"noKey", "history: -1", "height: 1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if err := (&Forecast{Series: []string{"eia.PJM"}, Height: 16}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestModelsInPrint(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := forecast.Model{
		Series: series.ID{Source: "eia", Key: "PJM"}, ID: "abc", Kind: "lear", Params: "{}", Stage: forecast.Challenger, StageAt: at, TrainEnd: at,
		MAPE: 2.5, MASE: 0.7, MAE: 1234.5, Reason: forecast.Schedule, Decision: "lear has 1.020 times the error", PValue: math.NaN(), Observations: 9000,
	}
	var out bytes.Buffer
	printModels(&out, []forecast.Model{m})
	printModel(&out, m)
	for _, want := range []string{"│ eia.PJM │ abc   │ lear │ challenger │ 2026-03-01 12:00 │", "2.50 %", "p-value    -\n", "decision   lear has 1.020", "9000 observations"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, &out)
		}
	}
	out.Reset()
	if err := writeModels(&out, []forecast.Model{m}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"model_id":"abc"`, `"stage":"challenger"`, `"p_value":null`, `"backtest_mape":2.5`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("JSON lacks %s: %s", want, &out)
		}
	}
}
