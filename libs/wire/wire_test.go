package wire_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

var t0 = time.Date(2023, 3, 1, 5, 0, 0, 0, time.UTC)

func TestSubjects(t *testing.T) {
	pjm := series.ID{Source: "eia", Key: "PJM"}
	for want, got := range map[string]string{
		"bw.obs.raw.eia.PJM":                              wire.Raw(pjm),
		"bw.obs.valid.eia.PJM":                            wire.Valid(pjm),
		"bw.job.train.eia.PJM":                            wire.TrainJob(pjm),
		"bw.model.eia.PJM":                                wire.Model(pjm),
		"bw.forecast.eia.PJM":                             wire.Forecast(pjm),
		"bw.event.lag.validator":                          wire.Event(event.KindLag, event.Validator),
		"bw.alert.critical.infrastructure.service_silent": wire.Alert(event.Critical, event.Infrastructure, "service_silent"),
		"bw.dlq.BW_OBS.validator":                         wire.DLQ(wire.StreamObs, event.Validator),
		"bw.ctl.ingestor.refresh":                         wire.Control(event.Ingestor, "refresh"),
		"bw.obs.raw.eia.a=2Eb=20c=3E":                     wire.Raw(series.ID{Source: "eia", Key: "a.b c>"}),
	} {
		if got != want {
			t.Errorf("subject %q, want %q", got, want)
		}
	}
}

func FuzzTokenIsOneTokenAndUnique(f *testing.F) {
	f.Add("PJM", "PJM.")
	f.Add("", "=")
	f.Add("a.b", "a=2Eb")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := wire.Token(a), wire.Token(b)
		if x == "" || strings.ContainsAny(x, ".*> \t\r\n") {
			t.Errorf("Token(%q) = %q is not one subject token", a, x)
		}
		if a != b && x == y {
			t.Errorf("Token(%q) = Token(%q) = %q", a, b, x)
		}
	})
}

func TestBatchRoundTrip(t *testing.T) {
	in := series.Batch{
		Series: series.ID{Source: "eia", Key: "PJM"}, SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "America/New_York",
		Step: time.Hour, KnownAt: t0.Add(90 * time.Minute), RunID: "r1", Origin: series.Refresh, Final: true,
		Obs:       []series.Observation{{TS: t0, Value: 9235}, {TS: t0.Add(time.Hour), Value: math.NaN()}},
		Malformed: []series.Malformed{{Period: "x", Payload: "{\"value\":\"abc\"}", Reason: "value: not a number"}},
	}
	out, err := wire.DecodeBatch(wire.EncodeBatch(in))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("batch changed on the wire (-in +out):\n%s", diff)
	}
}

func TestForecastRoundTrip(t *testing.T) {
	in := forecast.Forecast{
		Series: series.ID{Source: "eia", Key: "PJM"}, IssuedAt: t0, DataCut: t0, Step: time.Hour, Unit: "MWh",
		ModelID: "m", ModelKind: "snaive_24", Fallback: true, Reason: "no champion", Mean: []float64{1, 2}, Scale: []float64{3, 4},
	}
	for range forecast.Levels() {
		in.Quantiles = append(in.Quantiles, []float64{1, 2})
	}
	out, err := wire.DecodeForecast(wire.EncodeForecast(in))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("forecast changed on the wire (-in +out):\n%s", diff)
	}
	if got, want := out.Target(2), t0.Add(2*time.Hour); !got.Equal(want) {
		t.Errorf("Target(2) = %s, want %s", got, want)
	}
}

func TestJobAndModelRoundTrip(t *testing.T) {
	job := forecast.Job{Series: series.ID{Source: "eia", Key: "PJM"}, ID: "j", Reason: forecast.ColdStart, AsOf: t0, RequestedAt: t0, RequestedBy: "forecaster"}
	if out, err := wire.DecodeJob(wire.EncodeJob(job)); err != nil || !cmp.Equal(job, out) {
		t.Errorf("job: %v\n%s", err, cmp.Diff(job, out))
	}
	m := forecast.Model{
		Series: job.Series, ID: "m", Kind: "ar_ridge", Params: "{}", Artifact: "model/abc", ArtifactSHA256: "abc", Seed: 1,
		TrainStart: t0, TrainEnd: t0, DataSHA256: "d", CodeVersion: "v", ParentID: "p", CreatedAt: t0, MAE: 1, MAPE: 2, MASE: 3,
		Reason: forecast.Drift,
	}
	if out, err := wire.DecodeModel(wire.EncodeModel(m)); err != nil || !cmp.Equal(m, out) {
		t.Errorf("model: %v\n%s", err, cmp.Diff(m, out))
	}
}

func TestEventRoundTrip(t *testing.T) {
	base := event.Event{ID: "e", Service: event.Forecaster, Instance: "f-1", At: t0}
	lag, fail, drift, beat := base, base, base, base
	lag.Lag = &event.Lag{
		Stream: "s", Consumer: "c", Pending: 1, AckPending: 2, Redelivered: 3, AckFloor: 4, Oldest: 5 * time.Second, DataAge: time.Hour, ExpectedAge: time.Hour, Paused: true, Series: series.ID{Source: "eia", Key: "PJM"},
		MaxAckPending: 6, Waiting: 7, Delivered: 8, Deliveries: 9, FirstSeq: 10, LastSeq: 11, OldestSeq: 18, Skipped: 12, Headroom: 13 * time.Second, Created: t0,
		Full: 14, Unpulled: 15, KeepsNewest: true, Missing: true, State: "slow", Evidence: "x", PublishRate: 16, AckRate: 17, ETA: -time.Second,
	}
	fail.Error = &event.Error{Class: event.DataIntegrity, Code: "c", Subject: "s", Condition: event.Raised, Severity: event.Critical, Message: "m", Attributes: map[string]string{"k": "v"}}
	drift.Drift = &event.Drift{
		Series: series.ID{Source: "eia", Key: "PJM"}, Detector: "d", Condition: event.Cleared, Statistic: 1, Threshold: 2, ModelID: "m", DataCut: t0, Message: "x",
		Bucket: "h1-24", Tier: event.TierPage, Window: time.Hour, FalseAlarms: 0.2, Ratio: 2, PValue: 0.01,
	}
	beat.Heartbeat = &event.Heartbeat{State: "running", Version: "v", Interval: time.Second, Processed: 9, Uptime: time.Minute}
	for _, in := range []event.Event{lag, fail, drift, beat} {
		m := wire.EncodeEvent(in)
		if want := "bw.event." + string(in.Kind()) + ".forecaster"; m.Subject != want || m.ID != "e" {
			t.Errorf("message %q on %q, want e on %q", m.ID, m.Subject, want)
		}
		out, err := wire.DecodeEvent(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, out); diff != "" {
			t.Errorf("%s event changed on the wire (-in +out):\n%s", in.Kind(), diff)
		}
	}
}

func TestAlertIsReadableJSONAndACloudEvent(t *testing.T) {
	in := event.Alert{
		Fingerprint: "f", ID: "a", Name: "service_silent", Severity: event.Critical, Class: event.Infrastructure, State: event.Firing,
		Labels: map[string]string{"service": "forecaster"}, Summary: "forecaster is silent", Cause: "no heartbeat for 12 s", Runbook: "docs/runbooks.md#service_silent",
		StartedAt: t0, At: t0, Events: 3,
	}
	m, err := wire.EncodeAlert(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := "bw.alert.critical.infrastructure.service_silent"; m.Subject != want {
		t.Errorf("subject %q, want %q", m.Subject, want)
	}
	// CloudEvents NATS protocol binding, binary mode: required attributes travel as ce- headers.
	for _, h := range []string{"ce-specversion", "ce-id", "ce-source", "ce-type"} {
		if m.Header[h] == "" {
			t.Errorf("header %s is missing", h)
		}
	}
	var readable map[string]any
	if err := json.Unmarshal(m.Data, &readable); err != nil || readable["summary"] != in.Summary {
		t.Errorf("payload %s is not JSON with the summary: %v", m.Data, err)
	}
	out, err := wire.DecodeAlert(m.Data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("alert changed on the wire (-in +out):\n%s", diff)
	}
}

func TestGarbageIsPermanent(t *testing.T) {
	garbage := []byte{0xff, 0xff, 0xff}
	for name, decode := range map[string]func([]byte) error{
		"batch":    func(b []byte) error { _, err := wire.DecodeBatch(b); return err },
		"forecast": func(b []byte) error { _, err := wire.DecodeForecast(b); return err },
		"job":      func(b []byte) error { _, err := wire.DecodeJob(b); return err },
		"model":    func(b []byte) error { _, err := wire.DecodeModel(b); return err },
		"event":    func(b []byte) error { _, err := wire.DecodeEvent(b); return err },
		"alert":    func(b []byte) error { _, err := wire.DecodeAlert(b); return err },
	} {
		if err := decode(garbage); !errors.Is(err, stage.ErrPermanent) {
			t.Errorf("decode %s of garbage = %v, want ErrPermanent: redelivery cannot help", name, err)
		}
	}
}

func TestInvalidUTF8IsMadeValid(t *testing.T) {
	b := series.Batch{Series: series.ID{Source: "s", Key: "k"}, Malformed: []series.Malformed{{Payload: "a\xffb"}}}
	out, err := wire.DecodeBatch(wire.EncodeBatch(b))
	if err != nil || out.Malformed[0].Payload != "a\uFFFDb" {
		t.Errorf("payload %q, %v; want the replacement character", out.Malformed[0].Payload, err)
	}
}
