package csvfile_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/csvfile"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/localtime"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// remote returns a file behind a URL with a secret in its query.
func remote(t *testing.T, answer http.HandlerFunc) *csvfile.File {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	cfg := config("")
	cfg.URL, cfg.Wait, cfg.HTTP = srv.URL+"/load.csv?token=s3cr3t", time.Millisecond, srv.Client()
	return csvfile.New(cfg)
}

// A server that fails twice is asked again, and one that says that nothing changed is believed.
func TestURL(t *testing.T) {
	var statuses []int
	f := remote(t, func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		switch {
		case len(statuses) < 2:
			status = http.StatusServiceUnavailable
		case r.Header.Get("If-None-Match") == `"1"`:
			status = http.StatusNotModified
		}
		statuses = append(statuses, status)
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(status)
		if status == http.StatusOK {
			_, _ = w.Write([]byte(good))
		}
	})
	for range 2 {
		got, err := f.Fetch(t.Context(), window("AEC"))
		if err != nil || len(got.Keys["AEC"].Obs) != 3 {
			t.Fatalf("fetched %+v, error %v", got, err)
		}
	}
	if want := []int{503, 503, 200, 304}; len(statuses) != 4 || statuses[3] != want[3] {
		t.Errorf("answers %v, want %v", statuses, want)
	}
}

func TestURLTrouble(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		kind   error
	}{
		"not there":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, source.ErrConfig},
		"not allowed": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, source.ErrConfig},
		"refused":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, source.ErrRejected},
		"down":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, source.ErrUnavailable},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			_, _ = w.Write([]byte(good))
		}, source.ErrUnavailable},
		"another page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>\nsign in\n</html>")) }, source.ErrConfig},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := remote(t, tc.answer).Fetch(t.Context(), window("AEC"))
			if !errors.Is(err, tc.kind) || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line of %v without the secret", err, tc.kind)
			}
		})
	}
}

// Local times, another separator and labels at the start of hours. Oracle: New York is UTC-5 in January.
func TestLocalTimes(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(write(t, "a.csv", "series;period;raw_mw\nAEC;01/01/2020 00:00;5\nAEC;02/01/2020 24:00;6\n"))
	cfg.Separator, cfg.Time = ';', localtime.Format{Zone: ny, Layout: "02/01/2006 15:04", Beginning: true}
	got, err := csvfile.New(cfg).Fetch(t.Context(), source.Window{From: hour(0), To: hour(200), Keys: []string{"AEC"}})
	if err != nil || len(got.Keys["AEC"].Obs) != 2 {
		t.Fatalf("fetched %+v, error %v", got, err)
	}
	if obs := got.Keys["AEC"].Obs; !obs[0].TS.Equal(hour(6)) || !obs[1].TS.Equal(hour(54)) {
		t.Errorf("observations %v, want the hours that end at 06:00Z on the 1st and the 3rd", obs)
	}
}

// A time that the clock never showed is a failed step with the row attached, and a malformed row.
func TestTimeThatNeverWas(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(write(t, "a.csv", "series,period,raw_mw\nAEC,2020-03-08 01:00,5\nAEC,2020-03-08 02:00,6\nAEC,2020-03-08 03:00,7\n"))
	cfg.Time = localtime.Format{Zone: ny, Beginning: true}
	got, err := csvfile.New(cfg).Fetch(t.Context(), source.Window{From: hour(0), To: hour(24 * 90), Keys: []string{"AEC"}})
	if err != nil {
		t.Fatal(err)
	}
	rows := got.Keys["AEC"]
	if len(rows.Obs) != 2 || len(rows.Malformed) != 1 || len(rows.Failed) != 1 || rows.Failed[0].Input != "AEC,2020-03-08 02:00,6" || rows.Failed[0].Step != "time" {
		t.Errorf("rows %+v", rows)
	}
}
