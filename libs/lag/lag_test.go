package lag_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/lag"
)

var (
	epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	born  = epoch.Add(-time.Hour)
)

const every = 5 * time.Second

// reports returns ten reports that each makes, five seconds apart, numbered from 0.
func reports(each func(i uint64, l *event.Lag)) []lag.Sample {
	out := make([]lag.Sample, lag.Size)
	for i := range out {
		out[i] = lag.Sample{At: epoch.Add(time.Duration(i) * every), Lag: event.Lag{
			Stream: "S", Consumer: "c", Created: born, MaxAckPending: 64, Waiting: 1, FirstSeq: 1, LastSeq: 1000,
			AckFloor: 500, Delivered: 500, Deliveries: 500,
		}}
		each(uint64(i), &out[i].Lag)
	}
	return out
}

func judge(samples []lag.Sample) lag.Verdict {
	var w lag.Window
	for _, s := range samples {
		w.Add(s)
	}
	return w.Judge(samples[len(samples)-1].At)
}

// The oracle is the definition of each state in the package comment.
func TestStates(t *testing.T) {
	for name, tc := range map[string]struct {
		each func(i uint64, l *event.Lag)
		want lag.State
		why  string // part of the evidence
	}{
		"no work": {func(uint64, *event.Lag) {}, lag.OK, "worked off"},
		"worked off now and then": {func(i uint64, l *event.Lag) {
			l.Pending, l.Deliveries = 10*(i%3), 500+20*i
		}, lag.OK, "worked off"},
		"comes and goes without an end": {func(i uint64, l *event.Lag) {
			l.Pending, l.AckFloor, l.Delivered, l.Deliveries = 50+10*(i%3), 500+20*i, 500+20*i, 500+20*i
		}, lag.OK, "comes and goes"},
		"catching up": {func(i uint64, l *event.Lag) {
			l.Pending, l.AckFloor, l.Delivered, l.Deliveries = 500-20*i, 500+20*i, 500+20*i, 500+20*i
		}, lag.CatchingUp, "from 500 to 320 messages, 1m20s to go"},
		"slow": {func(i uint64, l *event.Lag) {
			l.Pending, l.AckFloor, l.Delivered, l.Deliveries = 10+20*i, 500+i, 500+i, 500+i
		}, lag.Slow, "from 10 to 190"},
		"stalled": {func(_ uint64, l *event.Lag) { l.Pending, l.AckPending, l.Waiting = 5, 3, 0 }, lag.Stalled, "does not move"},
		"paused":  {func(i uint64, l *event.Lag) { l.Pending, l.Paused, l.AckFloor = 5, true, 500+i }, lag.Stalled, "paused"},
		"blocked": {func(_ uint64, l *event.Lag) { l.Pending, l.AckPending, l.Full = 5, 64, 1 }, lag.BlockedAck, "64 unacknowledged of at most 64"},
		"blocked, but moving": {func(i uint64, l *event.Lag) {
			l.Pending, l.AckPending, l.Full, l.AckFloor, l.Delivered, l.Deliveries = 500-10*i, 64, 1, 500+10*i, 564+10*i, 564+10*i
		}, lag.CatchingUp, ""},
		"not pulling":             {func(_ uint64, l *event.Lag) { l.Pending, l.Waiting, l.Unpulled = 5, 0, 1 }, lag.NotPulling, "nobody asks"},
		"not pulling for a short": {func(i uint64, l *event.Lag) { l.Pending, l.Unpulled = 5, i/5 }, lag.Stalled, ""},
		"storm": {func(i uint64, l *event.Lag) {
			l.Pending, l.AckPending, l.Redelivered, l.Delivered, l.Deliveries = 5, 3, 3, 503, 503+6*i
		}, lag.RedeliveryStorm, "42 of 42 deliveries"},
		"some redeliveries, all finished": {func(i uint64, l *event.Lag) {
			l.Pending, l.AckPending, l.Redelivered, l.AckFloor, l.Delivered, l.Deliveries = 400-20*i, 3, 1, 500+20*i, 503+20*i, 503+24*i
		}, lag.CatchingUp, ""},
		"made anew": {func(i uint64, l *event.Lag) {
			if i >= 5 {
				l.Created, l.AckFloor, l.Delivered, l.Deliveries, l.Pending = epoch, i, i, i, 995
			}
		}, lag.Rewind, "made anew and is back at message 9, after 500"},
		"made anew at the end": {func(i uint64, l *event.Lag) {
			if i >= 5 {
				l.Created, l.AckFloor, l.Delivered, l.Deliveries = epoch, 1000, 1000, 0
			}
		}, lag.OK, ""},
		"stream restored": {func(i uint64, l *event.Lag) {
			if i >= 5 {
				l.LastSeq, l.AckFloor = 300, 300
			}
		}, lag.Rewind, "stream ends earlier"},
		"lost by age": {func(i uint64, l *event.Lag) {
			l.Pending = 500
			if i >= 5 {
				l.FirstSeq, l.Skipped, l.Pending = 601, 100, 400
			}
		}, lag.Lost, "100 messages"},
		"lost, a part of the stream": {func(i uint64, l *event.Lag) {
			l.Pending, l.Deliveries = 500, 500+i
			if i >= 5 {
				l.Pending = 400
			}
		}, lag.Lost, "99 messages"},
		"lost while more arrives": {func(i uint64, l *event.Lag) {
			l.Pending, l.OldestSeq = 500+i, 501
			if i >= 5 {
				l.FirstSeq, l.LastSeq, l.Pending, l.OldestSeq = 1200, 2000, 800, 1200
			}
		}, lag.Lost, "504 messages"},
		"lost while more arrives, in part": {func(i uint64, l *event.Lag) {
			l.Pending, l.OldestSeq = 500+i, 501
			if i >= 5 {
				l.FirstSeq, l.LastSeq, l.Pending, l.OldestSeq = 600, 2000, 800, 600
			}
		}, lag.Lost, "1 messages"},
		"what is done may go": {func(i uint64, l *event.Lag) {
			l.Pending, l.OldestSeq, l.AckFloor, l.Delivered, l.Deliveries, l.FirstSeq = 500, 501+i, 500+i, 500+i, 500+i, 501+i
		}, lag.OK, "comes and goes"},
		"superseded is not lost": {func(i uint64, l *event.Lag) { l.Pending, l.KeepsNewest, l.AckPending = 500-i, true, 3 }, lag.Stalled, ""},
		"gone": {func(i uint64, l *event.Lag) {
			if i >= 8 {
				*l = event.Lag{Missing: true}
			}
		}, lag.Gone, "does not exist"},
		"gone for one report": {func(i uint64, l *event.Lag) {
			if i == 9 {
				*l = event.Lag{Missing: true}
			}
		}, lag.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(reports(tc.each))
			if v.State != tc.want || !strings.Contains(v.Evidence, tc.why) {
				t.Errorf("%s: %s, want %s because of %q", v.State, v.Evidence, tc.want, tc.why)
			}
		})
	}
}

func TestNoData(t *testing.T) {
	all := reports(func(uint64, *event.Lag) {})
	var w lag.Window
	for i, s := range all {
		if v := w.Judge(s.At); v.State != lag.NoData {
			t.Errorf("after %d reports: %s", i, v.State)
		}
		if w.Add(s); i == 7 {
			break
		}
	}
	newest := all[7].At
	if v := w.Judge(newest); v.State != lag.OK {
		t.Errorf("after 8 reports: %s: %s", v.State, v.Evidence)
	}
	if v := w.Judge(newest.Add(16 * time.Second)); v.State != lag.NoData || !strings.Contains(v.Evidence, "16s old") {
		t.Errorf("16 s after the last report: %s: %s", v.State, v.Evidence)
	}
	for i := range 3 {
		w.Add(lag.Sample{At: newest.Add(time.Duration(i+1) * every), Err: true})
	}
	// The window has 7 of its 10 reports left that could be read.
	w.Add(lag.Sample{At: newest.Add(2 * every)}) // a second replica's, late: dropped
	if v := w.Judge(newest.Add(3 * every)); v.State != lag.NoData || !strings.Contains(v.Evidence, "7 of the last 10") {
		t.Errorf("three unreadable reports: %s: %s", v.State, v.Evidence)
	}
}

// The oracle is what was put in: 4 messages a second arrive, 2 are finished.
func TestRates(t *testing.T) {
	v := judge(reports(func(i uint64, l *event.Lag) {
		l.Pending, l.AckPending, l.AckFloor, l.Delivered, l.Deliveries = 100+10*i, 4, 500+10*i, 504+10*i, 504+10*i
	}))
	if v.PublishRate != 4 || v.AckRate != 2 || v.ETA != lag.Never {
		t.Errorf("publish %g, ack %g, eta %s, want 4, 2, never", v.PublishRate, v.AckRate, v.ETA)
	}
}

// The oracle is the documentation of Burrow, translated to JetStream.
func TestBurrow(t *testing.T) {
	for name, tc := range map[string]struct {
		each func(i uint64, l *event.Lag)
		want lag.State
	}{
		"no work":   {func(uint64, *event.Lag) {}, lag.OK},
		"stall":     {func(_ uint64, l *event.Lag) { l.Pending = 5 }, lag.Stalled},
		"warn":      {func(i uint64, l *event.Lag) { l.Pending, l.AckFloor = 10+i, 500+i }, lag.Slow},
		"zero once": {func(i uint64, l *event.Lag) { l.Pending = i }, lag.OK},
		"rewind":    {func(i uint64, l *event.Lag) { l.Pending, l.AckFloor = 5, 500-10*i }, lag.Rewind},
		"falls":     {func(i uint64, l *event.Lag) { l.Pending, l.AckFloor = 100-i, 500+i }, lag.OK},
	} {
		t.Run(name, func(t *testing.T) {
			all := reports(tc.each)
			if got := lag.Burrow(all, all[9].At); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}
