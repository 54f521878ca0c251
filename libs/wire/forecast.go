package wire

import (
	"fmt"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	bwpb "github.com/bellwether-forecast/bellwether/proto/gen/bellwether/v1"
)

// text makes s valid UTF-8, as protobuf strings must be.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// enumName turns a short name into a protobuf enum value by name: ("TRAIN_REASON_", "drift") gives TRAIN_REASON_DRIFT.
func enumValue(values map[string]int32, prefix, name string) int32 {
	return values[prefix+strings.ToUpper(name)]
}

func enumName(names map[int32]string, prefix string, v int32) string {
	if v == 0 {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(names[v], prefix))
}

const reasonPrefix = "TRAIN_REASON_"

// EncodeForecast encodes a forecast.
func EncodeForecast(f forecast.Forecast) []byte {
	m := &bwpb.Forecast{
		Series:      fromID(f.Series),
		IssuedAt:    fromTime(f.IssuedAt),
		DataCut:     fromTime(f.DataCut),
		StepSeconds: int64(f.Step / time.Second),
		Unit:        text(f.Unit),
		ModelId:     text(f.ModelID),
		ModelKind:   text(string(f.ModelKind)),
		Fallback:    f.Fallback,
		Reason:      text(f.Reason),
		Mean:        f.Mean,
		Scale:       f.Scale,
	}
	for i, level := range forecast.Levels() {
		m.Quantiles = append(m.Quantiles, &bwpb.Quantile{Level: level, Value: f.Quantiles[i]})
	}
	return marshal(m)
}

// DecodeForecast decodes a forecast. The error wraps stage.ErrPermanent.
func DecodeForecast(data []byte) (forecast.Forecast, error) {
	var m bwpb.Forecast
	if err := unmarshal(data, &m); err != nil {
		return forecast.Forecast{}, err
	}
	if len(m.GetQuantiles()) != len(forecast.Levels()) {
		return forecast.Forecast{}, fmt.Errorf("decode Forecast: %d quantiles, want %d: %w", len(m.GetQuantiles()), len(forecast.Levels()), stage.ErrPermanent)
	}
	f := forecast.Forecast{
		Series:    toID(m.GetSeries()),
		IssuedAt:  toTime(m.GetIssuedAt()),
		DataCut:   toTime(m.GetDataCut()),
		Step:      time.Duration(m.GetStepSeconds()) * time.Second,
		Unit:      m.GetUnit(),
		ModelID:   m.GetModelId(),
		ModelKind: model.Kind(m.GetModelKind()),
		Fallback:  m.GetFallback(),
		Reason:    m.GetReason(),
		Mean:      m.GetMean(),
		Scale:     m.GetScale(),
	}
	for _, q := range m.GetQuantiles() {
		if len(q.GetValue()) != len(f.Mean) {
			return forecast.Forecast{}, fmt.Errorf("decode Forecast: quantile %g has %d values, mean has %d: %w", q.GetLevel(), len(q.GetValue()), len(f.Mean), stage.ErrPermanent)
		}
		f.Quantiles = append(f.Quantiles, q.GetValue())
	}
	return f, nil
}

// EncodeJob encodes a training job.
func EncodeJob(j forecast.Job) []byte {
	return marshal(&bwpb.TrainJob{
		Series:      fromID(j.Series),
		JobId:       text(j.ID),
		Reason:      bwpb.TrainReason(enumValue(bwpb.TrainReason_value, reasonPrefix, string(j.Reason))),
		AsOf:        fromTime(j.AsOf),
		RequestedAt: fromTime(j.RequestedAt),
		RequestedBy: text(j.RequestedBy),
	})
}

// DecodeJob decodes a training job. The error wraps stage.ErrPermanent.
func DecodeJob(data []byte) (forecast.Job, error) {
	var m bwpb.TrainJob
	if err := unmarshal(data, &m); err != nil {
		return forecast.Job{}, err
	}
	return forecast.Job{
		Series:      toID(m.GetSeries()),
		ID:          m.GetJobId(),
		Reason:      forecast.TrainReason(enumName(bwpb.TrainReason_name, reasonPrefix, int32(m.GetReason()))),
		AsOf:        toTime(m.GetAsOf()),
		RequestedAt: toTime(m.GetRequestedAt()),
		RequestedBy: m.GetRequestedBy(),
	}, nil
}

// EncodeModel encodes the announcement of a model.
func EncodeModel(x forecast.Model) []byte {
	return marshal(&bwpb.Model{
		Series:         fromID(x.Series),
		ModelId:        text(x.ID),
		Kind:           text(string(x.Kind)),
		ParamsJson:     text(x.Params),
		Artifact:       text(x.Artifact),
		ArtifactSha256: text(x.ArtifactSHA256),
		Seed:           x.Seed,
		TrainStart:     fromTime(x.TrainStart),
		TrainEnd:       fromTime(x.TrainEnd),
		DataSha256:     text(x.DataSHA256),
		CodeVersion:    text(x.CodeVersion),
		ParentId:       text(x.ParentID),
		CreatedAt:      fromTime(x.CreatedAt),
		BacktestMape:   x.MAPE,
		BacktestMae:    x.MAE,
		BacktestMase:   x.MASE,
		StageAt:        fromTime(x.StageAt),
		Reason:         bwpb.TrainReason(enumValue(bwpb.TrainReason_value, reasonPrefix, string(x.Reason))),
	})
}

// DecodeModel decodes the announcement of a model. The error wraps stage.ErrPermanent.
func DecodeModel(data []byte) (forecast.Model, error) {
	var m bwpb.Model
	if err := unmarshal(data, &m); err != nil {
		return forecast.Model{}, err
	}
	return forecast.Model{
		Series:         toID(m.GetSeries()),
		ID:             m.GetModelId(),
		Kind:           model.Kind(m.GetKind()),
		Params:         m.GetParamsJson(),
		Artifact:       m.GetArtifact(),
		ArtifactSHA256: m.GetArtifactSha256(),
		Seed:           m.GetSeed(),
		TrainStart:     toTime(m.GetTrainStart()),
		TrainEnd:       toTime(m.GetTrainEnd()),
		DataSHA256:     m.GetDataSha256(),
		CodeVersion:    m.GetCodeVersion(),
		ParentID:       m.GetParentId(),
		CreatedAt:      toTime(m.GetCreatedAt()),
		MAE:            m.GetBacktestMae(),
		MAPE:           m.GetBacktestMape(),
		MASE:           m.GetBacktestMase(),
		StageAt:        toTime(m.GetStageAt()),
		Reason:         forecast.TrainReason(enumName(bwpb.TrainReason_name, reasonPrefix, int32(m.GetReason()))),
	}, nil
}
