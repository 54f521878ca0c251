package wire

import (
	"fmt"
	"maps"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	bwpb "github.com/bellwether-forecast/bellwether/proto/gen/bellwether/v1"
)

const (
	classPrefix     = "FAILURE_CLASS_"
	severityPrefix  = "SEVERITY_"
	conditionPrefix = "CONDITION_"
	statePrefix     = "ALERT_STATE_"
)

// EncodeEvent returns e as a message of the bus: subject, id and payload.
func EncodeEvent(e event.Event) stage.Message {
	m := &bwpb.Event{Id: text(e.ID), Service: text(e.Service), Instance: text(e.Instance), At: fromTime(e.At)}
	switch {
	case e.Lag != nil:
		m.Body = &bwpb.Event_Lag{Lag: &bwpb.Lag{
			Stream:             text(e.Lag.Stream),
			Consumer:           text(e.Lag.Consumer),
			Pending:            e.Lag.Pending,
			AckPending:         e.Lag.AckPending,
			Redelivered:        e.Lag.Redelivered,
			AckFloor:           e.Lag.AckFloor,
			OldestSeconds:      e.Lag.Oldest.Seconds(),
			Series:             fromID(e.Lag.Series),
			DataAgeSeconds:     e.Lag.DataAge.Seconds(),
			ExpectedAgeSeconds: e.Lag.ExpectedAge.Seconds(),
			Paused:             e.Lag.Paused,
			MaxAckPending:      e.Lag.MaxAckPending,
			Waiting:            e.Lag.Waiting,
			Delivered:          e.Lag.Delivered,
			Deliveries:         e.Lag.Deliveries,
			FirstSeq:           e.Lag.FirstSeq,
			LastSeq:            e.Lag.LastSeq,
			Skipped:            e.Lag.Skipped,
			HeadroomSeconds:    e.Lag.Headroom.Seconds(),
			Created:            fromTime(e.Lag.Created),
			FullPartitions:     e.Lag.Full,
			UnpulledPartitions: e.Lag.Unpulled,
			KeepsNewest:        e.Lag.KeepsNewest,
			Missing:            e.Lag.Missing,
			State:              text(e.Lag.State),
			Evidence:           text(e.Lag.Evidence),
			PublishRate:        e.Lag.PublishRate,
			AckRate:            e.Lag.AckRate,
			EtaSeconds:         e.Lag.ETA.Seconds(),
			OldestSeq:          e.Lag.OldestSeq,
		}}
	case e.Error != nil:
		m.Body = &bwpb.Event_Error{Error: &bwpb.Error{
			Class:      bwpb.FailureClass(enumValue(bwpb.FailureClass_value, classPrefix, string(e.Error.Class))),
			Code:       text(e.Error.Code),
			Condition:  condition(e.Error.Condition),
			Severity:   bwpb.Severity(enumValue(bwpb.Severity_value, severityPrefix, string(e.Error.Severity))),
			Message:    text(e.Error.Message),
			Subject:    text(e.Error.Subject),
			Attributes: textMap(e.Error.Attributes),
		}}
	case e.Drift != nil:
		m.Body = &bwpb.Event_Drift{Drift: &bwpb.Drift{
			Series:    fromID(e.Drift.Series),
			Detector:  text(e.Drift.Detector),
			Condition: condition(e.Drift.Condition),
			Statistic: e.Drift.Statistic,
			Threshold: e.Drift.Threshold,
			ModelId:   text(e.Drift.ModelID),
			DataCut:   fromTime(e.Drift.DataCut),
			Message:   text(e.Drift.Message),

			Bucket:                   text(e.Drift.Bucket),
			Tier:                     text(string(e.Drift.Tier)),
			WindowSeconds:            e.Drift.Window.Seconds(),
			FalseAlarmsPerSeriesYear: e.Drift.FalseAlarms,
			Ratio:                    e.Drift.Ratio,
			PValue:                   e.Drift.PValue,
		}}
	case e.Heartbeat != nil:
		m.Body = &bwpb.Event_Heartbeat{Heartbeat: &bwpb.Heartbeat{
			State:           text(e.Heartbeat.State),
			Version:         text(e.Heartbeat.Version),
			IntervalSeconds: e.Heartbeat.Interval.Seconds(),
			Processed:       e.Heartbeat.Processed,
			UptimeSeconds:   e.Heartbeat.Uptime.Seconds(),
		}}
	}
	return stage.Message{Subject: Event(e.Kind(), e.Service), ID: e.ID, Data: marshal(m)}
}

// DecodeEvent decodes an event. The error wraps stage.ErrPermanent.
func DecodeEvent(data []byte) (event.Event, error) {
	var m bwpb.Event
	if err := unmarshal(data, &m); err != nil {
		return event.Event{}, err
	}
	e := event.Event{ID: m.GetId(), Service: m.GetService(), Instance: m.GetInstance(), At: toTime(m.GetAt())}
	switch b := m.GetBody().(type) {
	case *bwpb.Event_Lag:
		e.Lag = &event.Lag{
			Stream:      b.Lag.GetStream(),
			Consumer:    b.Lag.GetConsumer(),
			Pending:     b.Lag.GetPending(),
			AckPending:  b.Lag.GetAckPending(),
			Redelivered: b.Lag.GetRedelivered(),
			AckFloor:    b.Lag.GetAckFloor(),
			Oldest:      seconds(b.Lag.GetOldestSeconds()),
			Series:      toID(b.Lag.GetSeries()),
			DataAge:     seconds(b.Lag.GetDataAgeSeconds()),
			ExpectedAge: seconds(b.Lag.GetExpectedAgeSeconds()),
			Paused:      b.Lag.GetPaused(),

			MaxAckPending: b.Lag.GetMaxAckPending(),
			Waiting:       b.Lag.GetWaiting(),
			Delivered:     b.Lag.GetDelivered(),
			Deliveries:    b.Lag.GetDeliveries(),
			FirstSeq:      b.Lag.GetFirstSeq(),
			LastSeq:       b.Lag.GetLastSeq(),
			OldestSeq:     b.Lag.GetOldestSeq(),
			Skipped:       b.Lag.GetSkipped(),
			Headroom:      seconds(b.Lag.GetHeadroomSeconds()),
			Created:       toTime(b.Lag.GetCreated()),
			Full:          b.Lag.GetFullPartitions(),
			Unpulled:      b.Lag.GetUnpulledPartitions(),
			KeepsNewest:   b.Lag.GetKeepsNewest(),
			Missing:       b.Lag.GetMissing(),
			State:         b.Lag.GetState(),
			Evidence:      b.Lag.GetEvidence(),
			PublishRate:   b.Lag.GetPublishRate(),
			AckRate:       b.Lag.GetAckRate(),
			ETA:           seconds(b.Lag.GetEtaSeconds()),
		}
	case *bwpb.Event_Error:
		e.Error = &event.Error{
			Class:      event.Class(enumName(bwpb.FailureClass_name, classPrefix, int32(b.Error.GetClass()))),
			Code:       b.Error.GetCode(),
			Subject:    b.Error.GetSubject(),
			Condition:  toCondition(b.Error.GetCondition()),
			Severity:   event.Severity(enumName(bwpb.Severity_name, severityPrefix, int32(b.Error.GetSeverity()))),
			Message:    b.Error.GetMessage(),
			Attributes: b.Error.GetAttributes(),
		}
	case *bwpb.Event_Drift:
		e.Drift = &event.Drift{
			Series:    toID(b.Drift.GetSeries()),
			Detector:  b.Drift.GetDetector(),
			Condition: toCondition(b.Drift.GetCondition()),
			Statistic: b.Drift.GetStatistic(),
			Threshold: b.Drift.GetThreshold(),
			ModelID:   b.Drift.GetModelId(),
			DataCut:   toTime(b.Drift.GetDataCut()),
			Message:   b.Drift.GetMessage(),

			Bucket:      b.Drift.GetBucket(),
			Tier:        event.Tier(b.Drift.GetTier()),
			Window:      seconds(b.Drift.GetWindowSeconds()),
			FalseAlarms: b.Drift.GetFalseAlarmsPerSeriesYear(),
			Ratio:       b.Drift.GetRatio(),
			PValue:      b.Drift.GetPValue(),
		}
	case *bwpb.Event_Heartbeat:
		e.Heartbeat = &event.Heartbeat{
			State:     b.Heartbeat.GetState(),
			Version:   b.Heartbeat.GetVersion(),
			Interval:  seconds(b.Heartbeat.GetIntervalSeconds()),
			Processed: b.Heartbeat.GetProcessed(),
			Uptime:    seconds(b.Heartbeat.GetUptimeSeconds()),
		}
	default:
		return event.Event{}, fmt.Errorf("decode Event %q: no body: %w", m.GetId(), stage.ErrPermanent)
	}
	return e, nil
}

// EncodeAlert returns a as a message of the bus: a CloudEvent in binary mode whose payload is readable JSON.
func EncodeAlert(a event.Alert) (stage.Message, error) {
	m := &bwpb.Alert{
		Fingerprint: text(a.Fingerprint),
		Id:          text(a.ID),
		Name:        text(a.Name),
		Severity:    bwpb.Severity(enumValue(bwpb.Severity_value, severityPrefix, string(a.Severity))),
		Class:       bwpb.FailureClass(enumValue(bwpb.FailureClass_value, classPrefix, string(a.Class))),
		State:       bwpb.AlertState(enumValue(bwpb.AlertState_value, statePrefix, string(a.State))),
		Labels:      textMap(a.Labels),
		Summary:     text(a.Summary),
		Cause:       text(a.Cause),
		Runbook:     text(a.Runbook),
		StartedAt:   fromTime(a.StartedAt),
		At:          fromTime(a.At),
		ResolvedAt:  fromTime(a.ResolvedAt),
		Events:      a.Events,
		Previous:    bwpb.AlertState(enumValue(bwpb.AlertState_value, statePrefix, string(a.Previous))),
		Reason:      text(a.Reason),
	}
	if a.Measure != nil {
		m.Value, m.Threshold = &a.Measure.Value, &a.Measure.Threshold
	}
	for _, e := range a.Evidence {
		m.Evidence = append(m.Evidence, &bwpb.Evidence{Kind: string(e.Kind), At: fromTime(e.At), Text: text(e.Text)})
	}
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return stage.Message{}, fmt.Errorf("encode alert %s: %w", a.ID, err)
	}
	id := a.ID + "." + string(a.State)
	return stage.Message{
		Subject: Alert(a.Severity, a.Class, a.Name),
		ID:      id,
		Header: map[string]string{
			"ce-specversion":     "1.0",
			"ce-id":              id,
			"ce-source":          "/bellwether/monitor",
			"ce-type":            "bellwether.alert." + string(a.State),
			"ce-subject":         a.Fingerprint,
			"ce-time":            a.At.UTC().Format(time.RFC3339Nano),
			"ce-datacontenttype": "application/json",
			"Content-Type":       "application/json",
		},
		Data: data,
	}, nil
}

// DecodeAlert decodes the payload of an alert. The error wraps stage.ErrPermanent.
func DecodeAlert(data []byte) (event.Alert, error) {
	var m bwpb.Alert
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, &m); err != nil {
		return event.Alert{}, fmt.Errorf("decode Alert: %w: %w", err, stage.ErrPermanent)
	}
	a := event.Alert{
		Fingerprint: m.GetFingerprint(),
		ID:          m.GetId(),
		Name:        m.GetName(),
		Severity:    event.Severity(enumName(bwpb.Severity_name, severityPrefix, int32(m.GetSeverity()))),
		Class:       event.Class(enumName(bwpb.FailureClass_name, classPrefix, int32(m.GetClass()))),
		State:       event.State(enumName(bwpb.AlertState_name, statePrefix, int32(m.GetState()))),
		Labels:      m.GetLabels(),
		Summary:     m.GetSummary(),
		Cause:       m.GetCause(),
		Runbook:     m.GetRunbook(),
		StartedAt:   toTime(m.GetStartedAt()),
		At:          toTime(m.GetAt()),
		ResolvedAt:  toTime(m.GetResolvedAt()),
		Events:      m.GetEvents(),
		Previous:    event.State(enumName(bwpb.AlertState_name, statePrefix, int32(m.GetPrevious()))),
		Reason:      m.GetReason(),
	}
	if m.Value != nil {
		a.Measure = &event.Measure{Value: m.GetValue(), Threshold: m.GetThreshold()}
	}
	for _, e := range m.GetEvidence() {
		a.Evidence = append(a.Evidence, event.Evidence{Kind: event.EvidenceKind(e.GetKind()), At: toTime(e.GetAt()), Text: e.GetText()})
	}
	return a, nil
}

func condition(c event.Condition) bwpb.Condition {
	return bwpb.Condition(enumValue(bwpb.Condition_value, conditionPrefix, string(c)))
}

func toCondition(c bwpb.Condition) event.Condition {
	return event.Condition(enumName(bwpb.Condition_name, conditionPrefix, int32(c)))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func textMap(in map[string]string) map[string]string {
	out := maps.Clone(in)
	for k, v := range in {
		delete(out, k)
		out[text(k)] = text(v)
	}
	return out
}
