package forecaster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// GetRequest is the payload of a request on bw.ctl.forecaster.get, JSON: the newest forecasts of some series.
type GetRequest struct {
	Series []string `json:"series"`
	// Parent is a series that the others add up to; empty when they belong to no hierarchy. The forecasts of it and of
	// the others are reconciled by Method and answered at the targets that all of them have.
	Parent string          `json:"parent,omitempty"`
	Method forecast.Method `json:"method,omitempty"` // empty means forecast.MinTDiagonal
}

// Issued is a forecast in the answer, which is a list of them: the parent first, if there is one, then the series in
// the order of the request.
type Issued struct {
	Series     string          `json:"series"`
	Unit       string          `json:"unit"`
	IssuedAt   time.Time       `json:"issued_at"`
	DataCut    time.Time       `json:"data_cut"`
	StepS      float64         `json:"step_seconds"`
	ModelID    string          `json:"model_id"`
	ModelKind  string          `json:"model_kind"`
	Fallback   bool            `json:"fallback"`
	Reason     string          `json:"reason,omitempty"`
	Reconciled forecast.Method `json:"reconciled,omitempty"`
	Points     []Point         `json:"points"`
}

// Point is one target of a forecast. Reconciled quantiles are moved with the mean.
type Point struct {
	TargetTS time.Time `json:"target_ts"`
	Horizon  int       `json:"horizon"`
	Mean     float64   `json:"mean"`
	P05      float64   `json:"p05"`
	P10      float64   `json:"p10"`
	P50      float64   `json:"p50"`
	P90      float64   `json:"p90"`
	P95      float64   `json:"p95"`
	// ExpectedError is the mean absolute error of the model's backtest at the horizon; nil when not known.
	ExpectedError *float64 `json:"expected_error,omitempty"`
}

// Latest reads the newest message of a subject. natsio.Bus is one.
type Latest interface {
	Last(ctx context.Context, stream, subject string) (stage.Message, bool, error)
}

// most series of one request.
const most = 1000

// getter answers requests for forecasts from the stream of them, so that any replica answers for any series.
type getter struct{ latest Latest }

// answer carries out a GetRequest and answers with a list of Issued.
func (g getter) answer(ctx context.Context, data []byte) ([]byte, error) {
	var req GetRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return nil, fmt.Errorf(`get: body is not {"series": ["eia.PJM"]}: %w: %w`, err, stage.ErrPermanent)
	}
	if n := len(req.Series); n == 0 || n > most {
		return nil, fmt.Errorf("series: %d of them, want 1 to %d: %w", n, most, stage.ErrPermanent)
	}
	names := req.Series
	if req.Parent != "" {
		names = append([]string{req.Parent}, names...)
	}
	out := make([]Issued, len(names))
	for i, name := range names {
		var err error
		if out[i], err = g.get(ctx, name); err != nil {
			return nil, err
		}
	}
	if req.Parent != "" {
		if req.Method == "" {
			req.Method = forecast.MinTDiagonal
		}
		if err := reconcile(out, req.Method); err != nil {
			return nil, fmt.Errorf("%w: %w", err, stage.ErrPermanent)
		}
	}
	return json.Marshal(out)
}

func (g getter) get(ctx context.Context, name string) (Issued, error) {
	id, err := series.ParseID(name)
	if err != nil {
		return Issued{}, fmt.Errorf("series: %w: %w", err, stage.ErrPermanent)
	}
	m, found, err := g.latest.Last(ctx, wire.StreamForecast, wire.Forecast(id))
	if err != nil {
		return Issued{}, err
	}
	if !found {
		return Issued{}, fmt.Errorf("%s has no forecast; bellwether status lists the series that do: %w", id, stage.ErrPermanent)
	}
	f, err := wire.DecodeForecast(m.Data)
	if err != nil {
		return Issued{}, err
	}
	return NewIssued(f), nil
}

// NewIssued returns f as it is answered.
func NewIssued(f forecast.Forecast) Issued {
	out := Issued{
		Series: f.Series.String(), Unit: f.Unit, IssuedAt: f.IssuedAt, DataCut: f.DataCut, StepS: f.Step.Seconds(), ModelID: f.ModelID,
		ModelKind: string(f.ModelKind), Fallback: f.Fallback, Reason: f.Reason, Points: make([]Point, len(f.Mean)),
	}
	for i, mean := range f.Mean {
		p := Point{TargetTS: f.Target(i + 1), Horizon: i + 1, Mean: mean}
		for level, q := range []*float64{&p.P05, &p.P10, &p.P50, &p.P90, &p.P95} {
			*q = mean
			if level < len(f.Quantiles) {
				*q = f.Quantiles[level][i]
			}
		}
		if i < len(f.Scale) && !math.IsNaN(f.Scale[i]) {
			p.ExpectedError = &f.Scale[i]
		}
		out.Points[i] = p
	}
	return out
}

// errTargets is returned for forecasts that have no target in common.
var errTargets = errors.New("the forecasts have no target in common")

// reconcile makes the forecasts add up, the first being the sum of the others. Only targets that all have are kept.
func reconcile(all []Issued, method forecast.Method) error {
	common := map[time.Time]int{}
	for _, f := range all {
		for _, p := range f.Points {
			common[p.TargetTS]++
		}
	}
	for i := range all {
		kept := all[i].Points[:0]
		for _, p := range all[i].Points {
			if common[p.TargetTS] == len(all) {
				kept = append(kept, p)
			}
		}
		all[i].Points, all[i].Reconciled = kept, method
		if len(kept) == 0 {
			return fmt.Errorf("%s to %s: %w", all[0].Series, all[len(all)-1].Series, errTargets)
		}
		if all[i].Unit != all[0].Unit {
			return fmt.Errorf("%s is in %q, %s in %q: they do not add up", all[i].Series, all[i].Unit, all[0].Series, all[0].Unit)
		}
	}
	base := make([]forecast.Base, len(all))
	for k := range all[0].Points {
		for i := range all {
			p := all[i].Points[k]
			base[i] = forecast.Base{Mean: p.Mean, Error: math.NaN()}
			if p.ExpectedError != nil {
				base[i].Error = *p.ExpectedError
			}
		}
		top, bottom, err := forecast.Reconcile(method, base[0], base[1:])
		if err != nil {
			return err
		}
		all[0].Points[k].move(top)
		for i, v := range bottom {
			all[i+1].Points[k].move(v)
		}
	}
	return nil
}

// move takes the point to another mean.
func (p *Point) move(mean float64) {
	by := mean - p.Mean
	for _, v := range []*float64{&p.P05, &p.P10, &p.P50, &p.P90, &p.P95} {
		*v += by
	}
	p.Mean = mean
}
