package eia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// throttled is an answer that says when to come back.
type throttled struct {
	err   error
	after time.Duration // zero leaves it to our own backoff
}

func (t *throttled) Error() string { return t.err.Error() }

// Unwrap also gives the retry loop the wait that the answer asked for.
func (t *throttled) Unwrap() []error {
	if t.after <= 0 {
		return []error{t.err}
	}
	return []error{t.err, &backoff.RetryAfterError{Duration: t.after}}
}

// refused returns the error that an answer carries, whatever its status says: the API has answered errors with status
// 200. There are two shapes, an object from the gate and a string from the API itself.
func (c *Client) refused(path string, got received, said, code json.RawMessage) error {
	var gate struct{ Code, Message string }
	var text string
	if len(said) > 0 && json.Unmarshal(said, &gate) != nil {
		_ = json.Unmarshal(said, &text) // a third shape shows as the start of the body
	}
	status := got.status
	if n, err := strconv.Atoi(strings.Trim(string(code), `"`)); err == nil && status == http.StatusOK {
		status = n
	}
	switch {
	case strings.HasPrefix(gate.Code, "API_KEY_"):
		return source.Errorf(source.ErrKey,
			"api key: EIA says %s; set EIA_API_KEY to the key from your registration e-mail", gate.Code)
	case status == http.StatusTooManyRequests || status == http.StatusForbidden || gate.Code == "OVER_RATE_LIMIT":
		err := source.Errorf(source.ErrUnavailable, "%s: throttled: status %d %s", path, got.status, gate.Code)
		seconds, _ := strconv.Atoi(got.retryAfter) // absent or a date: our own backoff decides
		return &throttled{err: err, after: time.Duration(seconds) * time.Second}
	case status >= http.StatusInternalServerError || status == http.StatusRequestTimeout:
		return source.Errorf(source.ErrUnavailable, "%s: status %d: %s", path, status, c.redact(brief(text, got.body)))
	case status >= http.StatusMultipleChoices || len(said) > 0 && string(said) != "null":
		return source.Errorf(source.ErrRejected, "%s: status %d: %s", path, status, c.redact(brief(text+gate.Code, got.body)))
	}
	return nil
}

// brief returns text, or the start of the body when there is none, as one line.
func brief(text string, body []byte) string {
	if text == "" {
		text = string(body[:min(len(body), 200)])
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
}

// unavailable words a transport error without the URL that net/http puts in front of it.
func (c *Client) unavailable(path string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", path, context.Canceled)
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return source.Errorf(source.ErrUnavailable, "%s: no answer within %s", path, c.cfg.Timeout)
	}
	return source.Errorf(source.ErrUnavailable, "%s: %s", path, c.redact(err.Error()))
}

// redact removes the API key, plain or as it is written in a URL.
func (c *Client) redact(s string) string {
	if c.cfg.Key == "" {
		return s
	}
	s = strings.ReplaceAll(s, c.cfg.Key, "REDACTED")
	return strings.ReplaceAll(s, url.QueryEscape(c.cfg.Key), "REDACTED")
}
