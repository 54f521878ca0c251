package wire

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	bwpb "github.com/bellwether-forecast/bellwether/proto/gen/bellwether/v1"
)

// marshal encodes deterministically, so that the same content has the same bytes.
func marshal(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		// Only a required field or invalid UTF-8 can do this, and strings are made valid before they get here.
		panic("wire: " + err.Error())
	}
	return b
}

func unmarshal(data []byte, m proto.Message) error {
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("decode %s: %w: %w", m.ProtoReflect().Descriptor().Name(), err, stage.ErrPermanent)
	}
	return nil
}

func fromID(id series.ID) *bwpb.Series {
	return &bwpb.Series{Source: text(id.Source), Key: text(id.Key)}
}

func toID(s *bwpb.Series) series.ID { return series.ID{Source: s.GetSource(), Key: s.GetKey()} }

func fromTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func toTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// EncodeBatch encodes a batch of observations. Observations keep whole seconds.
func EncodeBatch(b series.Batch) []byte {
	m := &bwpb.ObservationBatch{
		Series:        fromID(b.Series),
		SchemaVersion: b.SchemaVersion,
		Unit:          text(b.Unit),
		Zone:          text(b.Zone),
		StepSeconds:   int64(b.Step / time.Second),
		KnownAt:       fromTime(b.KnownAt),
		RunId:         text(b.RunID),
		Origin:        bwpb.Origin(b.Origin),
		Final:         b.Final,
		Ts:            make([]int64, len(b.Obs)),
		Value:         make([]float64, len(b.Obs)),
	}
	for i, o := range b.Obs {
		m.Ts[i], m.Value[i] = o.TS.Unix(), o.Value
	}
	for _, x := range b.Malformed {
		m.Malformed = append(m.Malformed, &bwpb.MalformedRow{Period: text(x.Period), Payload: text(x.Payload), Reason: text(x.Reason)})
	}
	return marshal(m)
}

// DecodeBatch decodes a batch. The error wraps stage.ErrPermanent.
func DecodeBatch(data []byte) (series.Batch, error) {
	var m bwpb.ObservationBatch
	if err := unmarshal(data, &m); err != nil {
		return series.Batch{}, err
	}
	if len(m.GetTs()) != len(m.GetValue()) {
		return series.Batch{}, fmt.Errorf("decode ObservationBatch: %d ts but %d value: %w", len(m.GetTs()), len(m.GetValue()), stage.ErrPermanent)
	}
	b := series.Batch{
		Series:        toID(m.GetSeries()),
		SchemaVersion: m.GetSchemaVersion(),
		Unit:          m.GetUnit(),
		Zone:          m.GetZone(),
		Step:          time.Duration(m.GetStepSeconds()) * time.Second,
		KnownAt:       toTime(m.GetKnownAt()),
		RunID:         m.GetRunId(),
		Origin:        series.Origin(m.GetOrigin()),
		Final:         m.GetFinal(),
		Obs:           make([]series.Observation, len(m.GetTs())),
	}
	for i, ts := range m.GetTs() {
		b.Obs[i] = series.Observation{TS: time.Unix(ts, 0).UTC(), Value: m.GetValue()[i]}
	}
	for _, x := range m.GetMalformed() {
		b.Malformed = append(b.Malformed, series.Malformed{Period: x.GetPeriod(), Payload: x.GetPayload(), Reason: x.GetReason()})
	}
	return b, nil
}
