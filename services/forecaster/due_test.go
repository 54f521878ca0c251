package forecaster

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// overdueSeries is what Late returns.
type overdueSeries []series.Batch

var errDown = errors.New("down")

func (o overdueSeries) Late(context.Context, time.Time, time.Duration, time.Duration) ([]series.Batch, error) {
	if o == nil {
		return nil, errDown
	}
	return o, nil
}

func reminder(at time.Time) series.Batch {
	return series.Batch{
		Series: pjm, SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "UTC", Step: time.Hour, KnownAt: at, Origin: series.Reminder,
	}
}

func TestDueRemindsOfLateSeries(t *testing.T) {
	in := stage.Message{Subject: wire.Due(wire.DueForecast), Time: at(5)}
	res, err := Due(overdueSeries{reminder(at(5))}).Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Out) != 1 || res.Out[0].Subject != wire.Valid(pjm) || res.Out[0].ID != "reminder.eia.PJM.1677646800000" {
		t.Fatalf("messages %+v, want one reminder of PJM", res.Out)
	}
	got, err := wire.DecodeBatch(res.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	want := reminder(at(5))
	want.RunID = "due.1677646800"
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("reminder mismatch (-want +got):\n%s", diff)
	}
}

func TestDueWaitsForTheRecord(t *testing.T) {
	if _, err := Due(overdueSeries(nil)).Handle(t.Context(), stage.Message{}); !errors.Is(err, errDown) || errors.Is(err, stage.ErrPermanent) {
		t.Errorf("Handle without a record = %v, want an error that passes", err)
	}
}

// Data end at hour 1000, known at half past. Observations stay away for three hours, then come.
func TestLateSeriesIsForecastEveryHour(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	handle(t, d.Models(), m.announce(t, "m1"))
	play(t, d, m, batch(series.Refresh, false, 1000, 1000, demand))
	forecastOf := func(r stage.Result) forecast.Forecast {
		t.Helper()
		if len(r.Out) != 1 {
			t.Fatalf("messages %v, want a forecast alone", subjects(r))
		}
		f, err := wire.DecodeForecast(r.Out[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for late := 1; late <= 3; late++ {
		if late == 3 {
			d.Forget() // a restart changes nothing
		}
		now := at(1000 + late).Add(50 * time.Minute)
		r := play(t, d, m, reminder(now))
		f := forecastOf(r)
		if len(f.Mean) != 48+late || !f.DataCut.Equal(at(1000)) || !f.IssuedAt.Equal(now) || f.Fallback || count[record.Forecast](r) != 48+late {
			t.Errorf("%d h late: forecast of %d h from %s at %s, fallback %v; want %d h from hour 1000", late, len(f.Mean), f.DataCut, f.IssuedAt, f.Fallback, 48+late)
		}
		if want := "observations are " + strconv.Itoa(late) + " h late"; f.Reason != want {
			t.Errorf("reason %q, want %q", f.Reason, want)
		}
		// Oracle: the model repeats the week before.
		if got, want := f.Mean[47+late], demand(1048+late-168); got-want > 1e-9 || want-got > 1e-9 {
			t.Errorf("%d h late: last hour %g, want %g", late, got, want)
		}
		if again := play(t, d, m, reminder(now)); len(again.Out)+len(again.Rows) > 0 {
			t.Errorf("a reminder that came again gave %v", subjects(again))
		}
	}
	r := play(t, d, m, batch(series.Refresh, false, 1001, 1003, demand))
	var f forecast.Forecast
	for _, msg := range r.Out {
		if msg.Subject == wire.Forecast(pjm) {
			f, _ = wire.DecodeForecast(msg.Data)
		}
	}
	if len(f.Mean) != 48 || f.Reason != "" || !f.DataCut.Equal(at(1003)) {
		t.Errorf("after the observations came: %d h from %s, reason %q", len(f.Mean), f.DataCut, f.Reason)
	}
}

// A reminder of a series that has no history, or is on time, is not worth a forecast.
func TestNeedlessReminder(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	if r := play(t, d, m, reminder(at(5))); len(r.Out)+len(r.Rows) > 0 {
		t.Errorf("a series without history: %v", subjects(r))
	}
	d.Forget()
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	if r := play(t, d, m, reminder(at(1000))); len(r.Out)+len(r.Rows) > 0 {
		t.Errorf("a series on time: %v", strings.Join(subjects(r), " "))
	}
}
