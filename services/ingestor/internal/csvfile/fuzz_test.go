package csvfile_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/csvfile"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// FuzzFile: whatever a file holds, reading it ends in rows or in an error of a kind; a row is an observation with a
// finite value or none, or it is malformed, and there are no more of them than lines.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "series,period,value\nA,2024-01-01T00,1\n", "period,value\n2024-01-01T00:00:00Z,NaN\n", "series,period,value\nA,x,\"\nA,2024-01-01T00,1e999\n",
		"series,period,raw_mw\nA,2024-01-01T24,5\n", "\xff\xfe,\x00\n", "series,period,value\nA,2024-01-01T00,MISSING\nA\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "in.csv")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		src := csvfile.New(csvfile.Config{Path: path, Keys: []string{"A"}})
		got, err := src.Fetch(t.Context(), source.Window{From: time.Unix(0, 0), To: time.Now().AddDate(1000, 0, 0), Keys: []string{"A"}})
		if err != nil {
			if !errors.Is(err, source.ErrConfig) && !errors.Is(err, source.ErrSchema) {
				t.Errorf("error %v of no kind", err)
			}
			return
		}
		rows := got.Keys["A"]
		if n := len(rows.Obs) + len(rows.Malformed); n > len(data) {
			t.Errorf("%d rows from %d bytes", n, len(data))
		}
		for _, o := range rows.Obs {
			if math.IsInf(o.Value, 0) {
				t.Errorf("observation %v", o)
			}
		}
	})
}
