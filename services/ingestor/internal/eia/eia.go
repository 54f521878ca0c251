// Package eia reads hourly series from the EIA API v2.
//
// Periods are hour-ending labels in UTC: 2023-01-02T05 is the hour from 04:00 to 05:00. The label is kept as the time
// of the observation.
package eia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Routes under /v2/electricity/rto/ that this client reads.
const (
	RouteRegion = "region-data"        // keys are respondents, with a type other than demand: "PJM", "PJM.NG"
	RouteSubBA  = "region-sub-ba-data" // keys are parent and sub-area, "MISO-0027"
)

const (
	layout   = "2006-01-02T15"
	pageRows = 5000     // the API returns no more rows at once
	bodyMax  = 64 << 20 // bytes of one answer
	unit     = "megawatthours"
)

// Config says where the API is and how hard to try. Which route is asked follows from the key.
type Config struct {
	BaseURL string // "https://api.eia.gov"
	Key     string // never logged, never part of an error
	Type    string // facet type of keys that name a balancing authority alone; empty means Demand

	Timeout  time.Duration // of one request
	Tries    uint          // attempts for one page, the first included
	Wait     time.Duration // before the second attempt; grows by half with jitter
	MaxWait  time.Duration // between two attempts
	PageSize int           // rows asked for at once; 0 means 5,000
}

// Client reads from the API. It is safe for concurrent use.
type Client struct {
	cfg     Config
	http    *http.Client
	limiter *rate.Limiter
	breaker *breaker.Breaker
}

// New returns a client. hc must not be shared with other hosts: its redirects are turned off, because a redirect would
// carry the key elsewhere. b counts whole requests that failed for want of the upstream; see Down.
func New(cfg Config, hc *http.Client, limiter *rate.Limiter, b *breaker.Breaker) *Client {
	own := *hc
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if cfg.PageSize <= 0 {
		cfg.PageSize = pageRows
	}
	return &Client{cfg: cfg, http: &own, limiter: limiter, breaker: b}
}

// Down reports whether err tells that the upstream is down, as the breaker asks.
func Down(err error) bool { return errors.Is(err, source.ErrUnavailable) }

// answer is the part of every answer that matters.
type answer[T any] struct {
	Response *T              `json:"response"`
	Error    json.RawMessage `json:"error"`
	Code     json.RawMessage `json:"code"`
}

// get asks for path until an answer can be used and returns its response.
func get[T any](ctx context.Context, c *Client, path string, params url.Values) (*T, error) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = c.cfg.Wait, c.cfg.MaxWait
	out, err := backoff.Retry(ctx, func() (*T, error) {
		if err := c.limiter.Wait(ctx); err != nil {
			return nil, backoff.Permanent(fmt.Errorf("%s: rate limit: %w", path, err))
		}
		var out *T
		err := c.breaker.Do(func() (err error) {
			out, err = try[T](ctx, c, path, params)
			return err
		})
		switch {
		case errors.Is(err, breaker.ErrOpen):
			return nil, backoff.Permanent(source.Errorf(source.ErrUnavailable, "%s: not asked: %v", path, err))
		case err != nil && !Down(err):
			return nil, backoff.Permanent(err)
		}
		return out, err
	}, backoff.WithBackOff(waits), backoff.WithMaxTries(c.cfg.Tries))
	if late, ok := errors.AsType[*throttled](err); ok {
		return nil, late.err
	}
	return out, err
}

// try sends one request.
func try[T any](ctx context.Context, c *Client, path string, params url.Values) (*T, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	got, err := c.send(ctx, path, params)
	if err != nil {
		return nil, err
	}
	var a answer[T]
	bad := json.Unmarshal(got.body, &a)
	if err := c.refused(path, got, a.Error, a.Code); err != nil {
		return nil, err
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](bad); ok {
		return nil, source.Errorf(source.ErrSchema, "%s: field %q is a JSON %s", path, wrong.Field, wrong.Value)
	}
	if bad != nil {
		// A body that did not come through, or the page of something in between.
		return nil, source.Errorf(source.ErrUnavailable, "%s: truncated or not JSON after %d bytes: %v", path, len(got.body), bad)
	}
	if a.Response == nil {
		return nil, source.Errorf(source.ErrSchema, "%s: field response is missing", path)
	}
	return a.Response, nil
}

// received is an answer with its whole body.
type received struct {
	status     int
	retryAfter string
	body       []byte
}

func (c *Client) send(ctx context.Context, path string, params url.Values) (received, error) {
	query := url.Values{"api_key": {c.cfg.Key}}
	maps.Copy(query, params)
	// The key travels in the URL, so the URL must never appear in an error: messages name the path alone.
	target := strings.TrimSuffix(c.cfg.BaseURL, "/") + path + "?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return received{}, source.Errorf(source.ErrConfig, "base URL: cannot be used; want a URL such as https://api.eia.gov")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return received{}, c.unavailable(path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyMax+1))
	if err == nil && len(body) > bodyMax {
		err = fmt.Errorf("body above %d bytes", bodyMax)
	}
	if err != nil {
		return received{}, c.unavailable(path, err)
	}
	return received{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), body: body}, nil
}
