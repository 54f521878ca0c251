package artifact_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

func fitted(t *testing.T) (artifact.Artifact, series.Series) {
	t.Helper()
	y := series.Series{Start: time.Date(2023, 1, 2, 0, 0, 0, 0, time.UTC), Step: time.Hour}
	for h := range 40 * 24 {
		y.Values = append(y.Values, 1000+200*math.Sin(2*math.Pi*float64(h)/24)+10*math.Sin(float64(h*h)))
	}
	bt, err := eval.Backtest(t.Context(), y, model.ARRidge{}, eval.Plan{Origins: 4, RefitEvery: 4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := eval.NewConformal(bt, forecast.Levels())
	if err != nil {
		t.Fatal(err)
	}
	f, err := model.ARRidge{}.Fit(y)
	if err != nil {
		t.Fatal(err)
	}
	return artifact.Artifact{Forecaster: f, Conformal: c, MAE: bt.HorizonMAE()}, y
}

// A decoded artifact must forecast to the last bit what the encoded one does: forecasts are reproduced from it.
func TestRoundTripForecastsTheSame(t *testing.T) {
	in, y := fitted(t)
	data, sum, err := artifact.Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := artifact.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	want, err := in.Forecaster.Forecast(y, 48)
	if err != nil {
		t.Fatal(err)
	}
	got, err := out.Forecaster.Forecast(y, 48)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("forecast (-encoded +decoded):\n%s", diff)
	}
	if diff := cmp.Diff(in.Conformal.Apply(want), out.Conformal.Apply(got)); diff != "" {
		t.Errorf("quantiles (-encoded +decoded):\n%s", diff)
	}
	again, sameSum, err := artifact.Encode(out)
	if err != nil || !bytes.Equal(data, again) || sum != sameSum {
		t.Errorf("encoding the decoded artifact gave other bytes (%v)", err)
	}
}

func TestDecodeRefusesOtherVersions(t *testing.T) {
	if _, err := artifact.Decode([]byte(`{"version": 99}`)); !errors.Is(err, artifact.ErrVersion) {
		t.Errorf("version 99: %v, want ErrVersion", err)
	}
	if _, err := artifact.Decode([]byte(`{`)); err == nil || errors.Is(err, artifact.ErrVersion) {
		t.Errorf("damaged bytes: %v, want an error of its own", err)
	}
}
