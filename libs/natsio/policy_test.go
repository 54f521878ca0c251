package natsio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

func TestBackoff(t *testing.T) {
	b := newBackoff([]time.Duration{time.Second, 5 * time.Second})
	for _, tc := range []struct {
		n    int
		rand float64
		want time.Duration
	}{
		{0, 0.5, time.Second}, // no failure yet counts as the first
		{1, 0.5, time.Second},
		{1, 0, 800 * time.Millisecond},
		{2, 0.5, 5 * time.Second},
		{99, 1, 6 * time.Second}, // the last wait goes on
	} {
		b.rand = func() float64 { return tc.rand }
		if got := b.after(tc.n); got.Round(time.Millisecond) != tc.want {
			t.Errorf("after(%d) with rand %g = %s, want %s", tc.n, tc.rand, got, tc.want)
		}
	}
}

func at(subject string, seq uint64, attempt int) *delivery {
	return &delivery{seq: seq, in: stage.Message{Subject: subject, Attempt: attempt}}
}

func TestHolds(t *testing.T) {
	t0 := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	h := newHolds(30 * time.Second)
	h.hold(at("a", 3, 1), t0.Add(time.Second))

	check := func(what string, d *delivery, now time.Time, want bool) {
		t.Helper()
		if _, got := h.blocks(d, now); got != want {
			t.Errorf("%s: blocked is %v, want %v", what, got, want)
		}
	}
	check("another subject", at("b", 4, 1), t0, false)
	check("an earlier message", at("a", 2, 1), t0, false)
	check("the message itself", at("a", 3, 2), t0, false)
	if delay, ok := h.blocks(at("a", 5, 1), t0); !ok || delay != time.Second+holdMargin {
		t.Errorf("a later message waits %s, %v, want a little longer than the one before it", delay, ok)
	}
	if got := h.attempt(at("a", 5, 2)); got != 1 {
		t.Errorf("attempt after waiting once = %d, want 1", got)
	}
	h.excuse(at("a", 3, 2))
	if got := h.failures(at("a", 3, 3)); got != 2 {
		t.Errorf("failures at the third attempt with one excused = %d, want 2", got)
	}
	h.forget(at("a", 3, 2))
	check("it waits for the next in line, too", at("a", 6, 1), t0, true)
	check("the next in line", at("a", 5, 2), t0, false)
	h.forget(at("a", 5, 2))
	h.forget(at("a", 6, 2))
	if len(h.back)+len(h.waited)+len(h.excused) != 0 {
		t.Errorf("nothing is put back, but %v, %v, %v are remembered", h.back, h.waited, h.excused)
	}
	h.hold(at("a", 7, 1), t0)
	check("waited for long enough", at("a", 8, 1), t0.Add(31*time.Second), false)
}

func TestOutage(t *testing.T) {
	full := &jetstream.APIError{Code: 503, ErrorCode: codeStoreFailed, Description: textSubjectFull}
	for name, tc := range map[string]struct {
		err                    error
		handle, write, publish bool
	}{
		"none":             {nil, false, false, false},
		"own error":        {errors.New("x"), false, false, false},
		"permanent":        {fmt.Errorf("%w: %w", breaker.ErrOpen, stage.ErrPermanent), false, false, false},
		"breaker":          {fmt.Errorf("insert: %w", breaker.ErrOpen), true, true, false},
		"refused":          {&net.OpError{Op: "dial", Err: errors.New("refused")}, true, true, false},
		"deadline":         {context.DeadlineExceeded, false, true, true}, // too much work is the message's fault
		"bus disconnected": {nats.ErrDisconnected, false, false, true},
		"bus unavailable":  {ErrUnavailable, true, true, true},
		"no space":         {&jetstream.APIError{Code: 503, ErrorCode: codeStoreFailed, Description: "no space left"}, false, false, true},
		"subject full":     {full, false, false, false},
		"bad request":      {&jetstream.APIError{Code: 400}, false, false, false},
	} {
		got := []bool{Outage(stageHandle, tc.err), Outage(stageWrite, tc.err), Outage(stagePublish, tc.err)}
		if diff := cmp.Diff([]bool{tc.handle, tc.write, tc.publish}, got); diff != "" {
			t.Errorf("%s: Outage of handle, write, publish mismatch (-want +got):\n%s", name, diff)
		}
	}
}

func TestFailures(t *testing.T) {
	full := &jetstream.APIError{Code: 503, ErrorCode: codeStoreFailed, Description: textSubjectFull}
	var f failures
	f.add("a", full)
	if err := f.err(); !errors.Is(err, ErrDiscarded) {
		t.Errorf("only a discard: %v, want ErrDiscarded", err)
	}
	for range maxJoined + 2 {
		f.add("b", nats.ErrTimeout)
	}
	err := f.err()
	if errors.Is(err, ErrDiscarded) || !errors.Is(err, ErrUnavailable) || !strings.HasSuffix(err.Error(), "and 2 more") {
		t.Errorf("a discard and failures: %v, want ErrUnavailable without ErrDiscarded", err)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("zero config: %v", err)
	}
	bad := Config{URL: "nats://ok:1,not a url", Creds: "/nowhere", Timeout: -1, Window: -1, Backoff: []time.Duration{0}}
	err := bad.Validate()
	if err == nil {
		t.Fatal("bad config is valid")
	}
	for _, field := range []string{"nats url", "nats creds", "nats timeout", "nats window", "nats backoff"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("error does not name %s: %v", field, err)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine("a\nb\tc"); got != "a b c" {
		t.Errorf("oneLine = %q", got)
	}
	if got := oneLine(strings.Repeat("é", 400)); len(got) > 520 || !strings.HasSuffix(got, "é...") {
		t.Errorf("oneLine of a long text ends in %q, %d bytes", got[len(got)-8:], len(got))
	}
}
