package wire

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

func seeds() [][]byte {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	id := series.ID{Source: "eia", Key: "PJM"}
	return [][]byte{
		nil, []byte("x"),
		{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f},
		EncodeBatch(series.Batch{
			Series: id, SchemaVersion: 1, Unit: "MWh", Zone: "UTC", Step: time.Hour, KnownAt: at, RunID: "r",
			Obs: []series.Observation{{TS: at, Value: math.NaN()}, {TS: at, Value: 1}}, Malformed: []series.Malformed{{Period: "p", Payload: "x", Reason: "y"}},
		}),
		EncodeJob(forecast.Job{Series: id, ID: "j", Reason: forecast.Manual, AsOf: at}),
		EncodeModel(forecast.Model{Series: id, ID: "m", MAE: 1}),
		EncodeEvent(event.Event{ID: "e", Service: event.Validator, At: at, Error: &event.Error{Class: event.DataIntegrity, Code: "x", Condition: event.Raised}}).Data,
		EncodeEvent(event.Event{ID: "e", Service: event.Monitor, At: at, Lag: &event.Lag{Series: id, Oldest: time.Second}}).Data,
	}
}

// FuzzDecode gives the same bytes to every decoder. None may panic; what they refuse is refused for good; what they take
// is small for small input; and what is taken, written and read again is the same.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeBatch(data)
		permanent(t, err)
		if err == nil {
			// A packed value needs a byte at least, and a malformed row two.
			if len(b.Obs) > len(data) || len(b.Malformed) > len(data) {
				t.Errorf("%d observations and %d malformed rows from %d bytes", len(b.Obs), len(b.Malformed), len(data))
			}
			once := EncodeBatch(b)
			again, err := DecodeBatch(once)
			if err != nil || !bytes.Equal(once, EncodeBatch(again)) {
				t.Errorf("batch changed when read again (%v)", err)
			}
		}
		j, err := DecodeJob(data)
		permanent(t, err)
		if err == nil {
			stable(t, "job", EncodeJob(j), func(b []byte) ([]byte, error) { x, err := DecodeJob(b); return EncodeJob(x), err })
		}
		m, err := DecodeModel(data)
		permanent(t, err)
		if err == nil {
			stable(t, "model", EncodeModel(m), func(b []byte) ([]byte, error) { x, err := DecodeModel(b); return EncodeModel(x), err })
		}
		_, err = DecodeForecast(data)
		permanent(t, err)
		_, err = DecodeEvent(data)
		permanent(t, err)
		_, err = DecodeAlert(data)
		permanent(t, err)
	})
}

func permanent(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, stage.ErrPermanent) {
		t.Errorf("%v is not permanent", err)
	}
}

func stable(t *testing.T, what string, once []byte, again func([]byte) ([]byte, error)) {
	t.Helper()
	if got, err := again(once); err != nil || !bytes.Equal(once, got) {
		t.Errorf("%s changed when read again (%v)", what, err)
	}
}

// FuzzDecision reads arbitrary headers. A decision that is taken names a record.
func FuzzDecision(f *testing.F) {
	m, err := EncodeDecision(Release, series.Batch{Series: series.ID{Source: "a", Key: "b"}}, record.Quarantine{RecordID: "x", Value: math.NaN()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Header[headerDecision], m.Header[headerHeld])
	f.Add("discard", `{"RecordID":"x","Value":"1"}`)
	f.Add("release", `{"Value":{}}`)
	f.Add("other", "")
	f.Fuzz(func(t *testing.T, decision, held string) {
		d, row, err := DecodeDecision(stage.Message{Header: map[string]string{headerDecision: decision, headerHeld: held}})
		permanent(t, err)
		if err == nil && d != "" && row.RecordID == "" {
			t.Errorf("decision %q about nothing", d)
		}
	})
}

// A decision is read as it was written, also about a row without a value.
func TestDecision(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	row := record.Quarantine{
		Series: "a.b", RecordID: "m.o1", Period: "p\nq", TS: at, Value: 5e5, Reason: "unit", Detail: "ü", Payload: `{"x":1}`, KnownAt: at, RunID: "r", Status: "held", UpdatedAt: at,
	}
	id := series.ID{Source: "a", Key: "b"}
	m, err := EncodeDecision(Release, series.Batch{Series: id}, row)
	if err != nil {
		t.Fatal(err)
	}
	if d, got, err := DecodeDecision(m); err != nil || d != Release || got != row {
		t.Errorf("read %q, %+v, %v; want what was written", d, got, err)
	}
	if b, err := DecodeBatch(m.Data); err != nil || len(b.Obs) != 1 || b.Obs[0].Value != row.Value {
		t.Errorf("the batch holds %v, %v; want the value", b.Obs, err)
	}
	row.Value = math.NaN()
	again, err := EncodeDecision(Discard, series.Batch{Series: id}, row)
	if err != nil {
		t.Fatal(err)
	}
	if d, got, err := DecodeDecision(again); err != nil || d != Discard || !math.IsNaN(got.Value) {
		t.Errorf("read %q, %+v, %v; want a row without a value", d, got, err)
	}
	if m.ID == again.ID {
		t.Errorf("two decisions have the id %s", m.ID)
	}
	if d, _, err := DecodeDecision(stage.Message{}); d != "" || err != nil {
		t.Errorf("no decision was read as %q, %v", d, err)
	}
}
