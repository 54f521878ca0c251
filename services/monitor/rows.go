package monitor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// maxInstances bounds what the recorder remembers: names of pods come and go.
const maxInstances = 1024

// Recorder keeps the history of events. It reads the stream apart from the Handler, so that a store that is away delays
// the history and not the alerts. Heartbeats that say nothing new are recorded now and then only.
type Recorder struct {
	every time.Duration
	last  map[string]heartbeat // by service and instance
}

var (
	_ stage.Handler   = (*Recorder)(nil)
	_ stage.Forgetter = (*Recorder)(nil)
)

// heartbeat is the newest one recorded of an instance.
type heartbeat struct {
	at      time.Time
	state   string
	version string
}

// NewRecorder returns a Recorder. Calls to its methods must come one at a time.
func NewRecorder(cfg Config) *Recorder {
	return &Recorder{every: cfg.HeartbeatEvery, last: map[string]heartbeat{}}
}

// Forget makes the next heartbeat of every instance worth recording: the last one may not be stored.
func (r *Recorder) Forget() { clear(r.last) }

// Handle returns the row of one event, or nothing when it is not worth one.
func (r *Recorder) Handle(_ context.Context, in stage.Message) (stage.Result, error) {
	e, err := decode(in)
	if err != nil {
		return stage.Result{}, err
	}
	if e.At.IsZero() {
		e.At = in.Time
	}
	if e.Heartbeat != nil && !r.worth(e) {
		return stage.Result{}, nil
	}
	return stage.Result{Rows: []stage.Row{eventRow(e)}}, nil
}

// decode reads an event. One that names no service cannot be used by anybody.
func decode(in stage.Message) (event.Event, error) {
	e, err := wire.DecodeEvent(in.Data)
	if err != nil {
		return e, fmt.Errorf("monitor: %s: %w", in.Subject, err)
	}
	if e.Service == "" {
		return e, fmt.Errorf("monitor: %s: event %q names no service: %w", in.Subject, e.ID, stage.ErrPermanent)
	}
	e.ID = cmp.Or(e.ID, in.ID)
	return e, nil
}

func (r *Recorder) worth(e event.Event) bool {
	key := e.Service + "/" + e.Instance
	last, ok := r.last[key]
	if ok && last.state == e.Heartbeat.State && last.version == e.Heartbeat.Version && e.At.Sub(last.at) < r.every {
		return false
	}
	if len(r.last) >= maxInstances {
		// Forgetting costs one more row for each instance.
		clear(r.last)
	}
	r.last[key] = heartbeat{at: e.At, state: e.Heartbeat.State, version: e.Heartbeat.Version}
	return true
}

func eventRow(e event.Event) record.Event {
	row := record.Event{ID: e.ID, Kind: string(e.Kind()), Service: e.Service, Instance: e.Instance, At: e.At.UTC()}
	switch {
	case e.Lag != nil:
		lagRow(&row, e.Lag)
	case e.Error != nil:
		x := e.Error
		row.Class, row.Code, row.Condition, row.Severity = string(x.Class), x.Code, string(x.Condition), string(x.Severity)
		row.Subject, row.Message, row.Attributes = x.Subject, x.Message, x.Attributes
	case e.Drift != nil:
		x := e.Drift
		row.Class, row.Code, row.Condition = string(event.ModelDrift), x.Detector, string(x.Condition)
		row.Subject, row.Message, row.Value, row.Threshold = x.Series.String(), x.Message, x.Statistic, x.Threshold
		row.Attributes = map[string]string{"model_id": x.ModelID, "data_cut": x.DataCut.UTC().Format(time.RFC3339)}
		if x.Tier != "" {
			row.Attributes["tier"], row.Attributes["bucket"] = string(x.Tier), x.Bucket
			row.Attributes["window_seconds"] = strconv.FormatFloat(x.Window.Seconds(), 'f', 0, 64)
			row.Attributes["ratio"] = strconv.FormatFloat(x.Ratio, 'g', 4, 64)
			row.Attributes["p_value"] = strconv.FormatFloat(x.PValue, 'g', 4, 64)
			row.Attributes["false_alarms_per_series_year"] = strconv.FormatFloat(x.FalseAlarms, 'g', 4, 64)
		}
	case e.Heartbeat != nil:
		x := e.Heartbeat
		row.Code, row.Subject, row.Value, row.Threshold = x.State, e.Instance, x.Uptime.Seconds(), x.Interval.Seconds()
		row.Attributes = map[string]string{"version": x.Version, "processed": strconv.FormatUint(x.Processed, 10)}
	}
	if row.Attributes == nil {
		row.Attributes = map[string]string{}
	}
	return row
}

// lagRow puts messages of backlog or seconds of age into the value, whichever the event is about.
func lagRow(row *record.Event, l *event.Lag) {
	if l.Consumer == "" {
		row.Code, row.Subject = "data_age", l.Series.String()
		row.Value, row.Threshold = l.DataAge.Seconds(), l.ExpectedAge.Seconds()
		return
	}
	row.Code, row.Subject = "consumer", l.Stream+"/"+l.Consumer
	row.Value = float64(l.Pending + l.AckPending)
	row.Attributes = map[string]string{
		"pending":        strconv.FormatUint(l.Pending, 10),
		"ack_pending":    strconv.FormatUint(l.AckPending, 10),
		"redelivered":    strconv.FormatUint(l.Redelivered, 10),
		"ack_floor":      strconv.FormatUint(l.AckFloor, 10),
		"oldest_seconds": strconv.FormatFloat(l.Oldest.Seconds(), 'f', 3, 64),
		"paused":         strconv.FormatBool(l.Paused),
	}
	if l.State == "" {
		return
	}
	row.Message = l.Evidence
	maps.Copy(row.Attributes, map[string]string{
		"state":            l.State,
		"max_ack_pending":  strconv.FormatUint(l.MaxAckPending, 10),
		"waiting":          strconv.FormatUint(l.Waiting, 10),
		"deliveries":       strconv.FormatUint(l.Deliveries, 10),
		"first_seq":        strconv.FormatUint(l.FirstSeq, 10),
		"last_seq":         strconv.FormatUint(l.LastSeq, 10),
		"skipped":          strconv.FormatUint(l.Skipped, 10),
		"headroom_seconds": strconv.FormatFloat(l.Headroom.Seconds(), 'f', 0, 64),
		"publish_rate":     strconv.FormatFloat(l.PublishRate, 'g', 4, 64),
		"ack_rate":         strconv.FormatFloat(l.AckRate, 'g', 4, 64),
		"eta_seconds":      strconv.FormatFloat(l.ETA.Seconds(), 'f', 0, 64),
	})
}

func alertRow(a event.Alert) record.Alert {
	row := record.Alert{
		Fingerprint: a.Fingerprint,
		AlertID:     a.ID,
		Name:        a.Name,
		Severity:    string(a.Severity),
		Class:       string(a.Class),
		State:       string(a.State),
		Labels:      a.Labels,
		Summary:     a.Summary,
		Cause:       a.Cause,
		Runbook:     a.Runbook,
		StartedAt:   a.StartedAt,
		At:          a.At,
		Events:      a.Events,
		Previous:    string(a.Previous),
		Reason:      a.Reason,
		Value:       math.NaN(),
		Threshold:   math.NaN(),
		Evidence:    []string{},
	}
	if a.Measure != nil {
		row.Value, row.Threshold = a.Measure.Value, a.Measure.Threshold
	}
	for _, e := range a.Evidence {
		row.Evidence = append(row.Evidence, string(e.Kind)+": "+e.Text)
	}
	return row
}
