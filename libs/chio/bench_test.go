package chio

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// cpu returns a function that reports the processor time of this process since, engine included. On a machine that
// others use it says more than the time on the wall.
func cpu(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op") }
}

// One refresh of one series: observations, revisions and verdicts of a dozen hours.
func BenchmarkWriteRefresh(b *testing.B) {
	s := open(b)
	defer cpu(b)()
	for n := 0; b.Loop(); n++ {
		var rows []stage.Row
		for i := range 12 {
			i += n * 12
			rows = append(rows, observed("eia.PJM", i, demand(i))...)
			rows = append(rows, record.Verdict{Series: "eia.PJM", TS: hour(i), KnownAt: hour(i), Value: demand(i), Outcome: "pass", MessageID: strconv.Itoa(n)})
		}
		write(b, s, strconv.Itoa(n), rows...)
	}
}

// One batch of the forecaster: twelve forecasts of 48 hours, and as many points scored.
func BenchmarkWriteForecasts(b *testing.B) {
	s := open(b)
	defer cpu(b)()
	for n := 0; b.Loop(); n++ {
		var rows []stage.Row
		for i := range 576 {
			cut, h := hour(n), i%48+1
			rows = append(rows, record.Forecast{
				Series: fmt.Sprint("eia.", i/48), IssuedAt: cut, DataCut: cut, TargetTS: hour(n + h), Horizon: uint16(h), Mean: demand(n + h), P05: 1, P10: 2, P50: 3, P90: 4, P95: 5,
				ModelID: "m1", ModelKind: "ar_ridge",
			}, record.Score{
				Series: fmt.Sprint("eia.", i/48), TargetTS: cut, IssuedAt: hour(n - h), Horizon: uint16(h), ModelID: "m1", Actual: demand(n), Mean: 1, ScoredAt: cut,
			})
		}
		write(b, s, strconv.Itoa(n), rows...)
	}
}

// Inserts of 100 000 rows, the way a backfill writes.
func BenchmarkWriteBackfill(b *testing.B) {
	s := open(b)
	rows := make([]stage.Row, 100_000)
	defer cpu(b)()
	for n := 0; b.Loop(); n++ {
		for i := range rows {
			rows[i] = record.Revision{Series: "eia.PJM", TS: hour(i % 20_000), KnownAt: hour(n), Value: demand(i), RunID: "r1"}
		}
		write(b, s, strconv.Itoa(n), rows...)
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// history fills a store with two years of 27 series, as many as the EIA's balancing authorities with hourly demand.
func history(b *testing.B) *Store {
	b.Helper()
	s := open(b)
	for k := range 27 {
		var rows []stage.Row
		name := "eia.PJM"
		if k > 0 {
			name = fmt.Sprint("eia.", k)
		}
		for i := range 2 * 365 * 24 {
			rows = append(rows, observed(name, i, demand(i))...)
		}
		write(b, s, name, rows...)
	}
	return s
}

func BenchmarkRead(b *testing.B) {
	s := history(b)
	last := hour(2*365*24 - 1)
	from := last.Add(-400 * 24 * time.Hour)
	for name, read := range map[string]func() (int, error){
		"history 400 days": func() (int, error) {
			y, err := s.History(b.Context(), pjm, HistoryQuery{From: from, To: last})
			return y.Len(), err
		},
		"history 400 days as of": func() (int, error) {
			y, err := s.History(b.Context(), pjm, HistoryQuery{From: from, To: last, AsOf: last})
			return y.Len(), err
		},
		"tail 1000": func() (int, error) {
			y, err := s.Tail(b.Context(), pjm, 1000)
			return y.Len(), err
		},
		"status": func() (int, error) {
			x, err := s.Status(b.Context())
			return len(x.Series), err
		},
	} {
		b.Run(name, func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				if n, err := read(); err != nil || n == 0 {
					b.Fatalf("read %d points: %v", n, err)
				}
			}
		})
	}
}
