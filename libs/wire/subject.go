// Package wire is the one place that knows how things look on the bus: subjects, streams and the protobuf encoding.
package wire

import (
	"fmt"
	"strings"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Streams, one for each retention class.
const (
	StreamIn       = "BW_IN"       // bw.in.>; observations as senders publish them, JSON
	StreamObs      = "BW_OBS"      // bw.obs.raw.> and bw.obs.valid.>
	StreamJob      = "BW_JOB"      // bw.job.>; a work queue with one open job a series
	StreamModel    = "BW_MODEL"    // bw.model.>
	StreamForecast = "BW_FORECAST" // bw.forecast.>
	StreamEvent    = "BW_EVENT"    // bw.event.>
	StreamAlert    = "BW_ALERT"    // bw.alert.>
	StreamSchedule = "BW_SCHED"    // bw.sched.>; schedules, and what they made due
	StreamDLQ      = "BW_DLQ"      // bw.dlq.>
)

// Buckets.
const (
	BucketCursor   = "bw_cursor"   // key-value: what the ingestor has seen, by series
	BucketAlert    = "bw_alert"    // key-value: open alerts, by fingerprint
	BucketLease    = "bw_lease"    // key-value: which replica has which share of the work
	BucketArtifact = "bw_artifact" // object store: fitted models, named model/<sha256>
)

// Subjects to subscribe to.
const (
	AllIn        = "bw.in.>"
	AllRaw       = "bw.obs.raw.>"
	AllValid     = "bw.obs.valid.>"
	AllObs       = "bw.obs.>"
	AllJobs      = "bw.job.>"
	AllTrainJobs = "bw.job.train.>"
	AllModels    = "bw.model.>"
	AllForecasts = "bw.forecast.>"
	AllEvents    = "bw.event.>"
	AllAlerts    = "bw.alert.>"
	AllSchedules = "bw.sched.>"
	AllDLQ       = "bw.dlq.>"
)

// In returns bw.in.<source>, where observations are sent to a source of kind nats.
func In(source string) string { return "bw.in." + Token(source) }

// Raw returns bw.obs.raw.<source>.<key>.
func Raw(id series.ID) string { return "bw.obs.raw." + idTokens(id) }

// Valid returns bw.obs.valid.<source>.<key>.
func Valid(id series.ID) string { return "bw.obs.valid." + idTokens(id) }

// TrainJob returns bw.job.train.<source>.<key>.
func TrainJob(id series.ID) string { return "bw.job.train." + idTokens(id) }

// Model returns bw.model.<source>.<key>.
func Model(id series.ID) string { return "bw.model." + idTokens(id) }

// Forecast returns bw.forecast.<source>.<key>.
func Forecast(id series.ID) string { return "bw.forecast." + idTokens(id) }

// Event returns bw.event.<kind>.<service>.
func Event(kind event.Kind, service string) string {
	return "bw.event." + string(kind) + "." + Token(service)
}

// Alert returns bw.alert.<severity>.<class>.<name>.
func Alert(severity event.Severity, class event.Class, name string) string {
	return "bw.alert." + string(severity) + "." + string(class) + "." + Token(name)
}

// Names of the schedules.
const (
	DueTrain    = "train"    // train every series again
	DueForecast = "forecast" // forecast the series whose observations are late
)

// Schedule returns bw.sched.plan.<name>, where a schedule is kept.
func Schedule(name string) string { return "bw.sched.plan." + Token(name) }

// Due returns bw.sched.due.<name>, where the bus says that it is time.
func Due(name string) string { return "bw.sched.due." + Token(name) }

// DLQ returns bw.dlq.<stream>.<consumer>.
func DLQ(stream, consumer string) string { return "bw.dlq." + Token(stream) + "." + Token(consumer) }

// Control returns bw.ctl.<service>.<verb>, a request-reply subject.
func Control(service, verb string) string { return "bw.ctl." + Token(service) + "." + Token(verb) }

func idTokens(id series.ID) string { return Token(id.Source) + "." + Token(id.Key) }

// Token escapes s to one subject token. Letters, digits, '-' and '_' stay; every other byte becomes "=XX", so that
// different names never share a subject. The empty string becomes "=".
func Token(s string) string {
	if s == "" {
		return "="
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// Key escapes a series name to a key of a key-value bucket.
func Key(id series.ID) string { return idTokens(id) }
