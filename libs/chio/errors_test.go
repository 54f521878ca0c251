package chio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// The codes and what they mean are from ClickHouse's ErrorCodes.cpp.
func TestClassify(t *testing.T) {
	server := func(code int32) error {
		return fmt.Errorf("send: %w", &clickhouse.HTTPError{StatusCode: 500, Err: &clickhouse.Exception{Code: code, Message: "m"}})
	}
	for name, tc := range map[string]struct {
		err                    error
		unavailable, permanent bool
	}{
		"refused connection":       {err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, unavailable: true},
		"connection cut":           {err: io.ErrUnexpectedEOF, unavailable: true},
		"no answer in time":        {err: context.DeadlineExceeded, unavailable: true},
		"no connection free":       {err: clickhouse.ErrAcquireConnTimeout, unavailable: true},
		"proxy without store":      {err: &clickhouse.HTTPError{StatusCode: 502, Err: errors.New("bad gateway")}, unavailable: true},
		"left alone":               {err: fmt.Errorf("clickhouse: %w", breaker.ErrOpen), unavailable: true},
		"memory limit (241)":       {err: server(241), unavailable: true},
		"too many parts (252)":     {err: server(252), unavailable: true},
		"read-only replica (242)":  {err: server(242), unavailable: true},
		"keeper (999)":             {err: server(999), unavailable: true},
		"type mismatch (53)":       {err: server(53), permanent: true},
		"incorrect data (117)":     {err: server(117), permanent: true},
		"violated constraint":      {err: server(469), permanent: true},
		"driver refuses the value": {err: fmt.Errorf("%w: x", clickhouse.ErrBatchInvalid), permanent: true},
		"unknown table (60)":       {err: server(60), unavailable: true},
		"unknown database (81)":    {err: server(81), unavailable: true},
		"wrong password (516)":     {err: server(516), unavailable: true},
		"syntax (62)":              {err: server(62)},
		"error of this program":    {err: errors.New("no column type")},
		"cancelled by the caller":  {err: fmt.Errorf("read: %w", context.Canceled)},
	} {
		t.Run(name, func(t *testing.T) {
			got := classify(tc.err)
			if !errors.Is(got, tc.err) {
				t.Errorf("classify lost the cause: %v", got)
			}
			if errors.Is(got, ErrUnavailable) != tc.unavailable || errors.Is(got, stage.ErrPermanent) != tc.permanent {
				t.Errorf("classify(%v) = %v, want unavailable %t, permanent %t", tc.err, got, tc.unavailable, tc.permanent)
			}
			if again := classify(got); again.Error() != got.Error() {
				t.Errorf("classifying twice changes the error to %v", again)
			}
		})
	}
	if classify(nil) != nil {
		t.Error("classify(nil) is not nil")
	}
}

func TestErrorsDoNotCarryTheStatement(t *testing.T) {
	cause := &url.Error{Op: "Post", URL: "http://ana:secret@127.0.0.1:8123?database=x&query=INSERT+INTO+t", Err: io.EOF}
	err := classify(fmt.Errorf("send: %w", cause))
	// Oracle: what a person needs, by hand.
	if want := `store unavailable: send: Post "http://127.0.0.1:8123": EOF`; err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	if !errors.Is(err, io.EOF) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v lost its causes", err)
	}
}
