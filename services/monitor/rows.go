package monitor

import (
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// maxInstances bounds what the recorder remembers: names of pods come and go.
const maxInstances = 1024

// recorder makes rows of events. Heartbeats that say nothing new are recorded now and then only.
type recorder struct {
	every time.Duration
	last  map[string]heartbeat // by service and instance
}

// heartbeat is the newest one recorded of an instance.
type heartbeat struct {
	at      time.Time
	state   string
	version string
}

func newRecorder(every time.Duration) *recorder {
	return &recorder{every: every, last: map[string]heartbeat{}}
}

func (r *recorder) forget() { clear(r.last) }

// event returns the row of e, or nothing when it is not worth one.
func (r *recorder) event(e event.Event) []stage.Row {
	if e.Heartbeat != nil && !r.worth(e) {
		return nil
	}
	return []stage.Row{eventRow(e)}
}

func (r *recorder) worth(e event.Event) bool {
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
}

func alertRow(a event.Alert) record.Alert {
	return record.Alert{
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
	}
}
