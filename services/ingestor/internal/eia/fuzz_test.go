package eia_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/time/rate"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/eia"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// FuzzAnswer: whatever the API answers, with any status, a fetch ends: in rows, no more than the body has bytes, or in an
// error of a kind that never holds the key.
func FuzzAnswer(f *testing.F) {
	f.Add(200, body(`"1"`, row(0, `"1"`)))
	f.Add(200, body("1", row(0, "1"), row(0, "2")))
	f.Add(200, `{"response":{"total":"9999999999","data":[]}}`)
	f.Add(200, `{"error":"x","code":400}`)
	f.Add(403, `{"error":{"code":"API_KEY_INVALID","message":"`+key+`"}}`)
	f.Add(429, "")
	f.Add(500, "<html>"+key)
	f.Fuzz(func(t *testing.T, status int, text string) {
		if status < 200 || status > 599 {
			return // not an answer that net/http gives to a client
		}
		hc := &http.Client{Transport: trip(func(*http.Request) *http.Response {
			rec := httptest.NewRecorder()
			rec.WriteHeader(status)
			_, _ = rec.WriteString(text)
			return rec.Result()
		})}
		c := eia.New(config("http://eia"), hc, rate.NewLimiter(rate.Inf, 1), breaker.New(breaker.Settings{Name: "eia"}, nil))
		got, err := c.Fetch(t.Context(), window("AEC"))
		if err != nil {
			checkSecret(t, err.Error())
			for _, kind := range []error{source.ErrUnavailable, source.ErrSchema, source.ErrRejected, source.ErrConfig, source.ErrKey} {
				if errors.Is(err, kind) {
					return
				}
			}
			t.Errorf("error %v of no kind", err)
			return
		}
		rows := got.Keys["AEC"]
		if n := len(rows.Obs) + len(rows.Malformed); n > len(text) {
			t.Errorf("%d rows from %d bytes", n, len(text))
		}
	})
}
