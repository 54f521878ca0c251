package source_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

func at(h int, v float64) series.Observation {
	return series.Observation{TS: time.Date(2024, 1, 1, h, 0, 0, 0, time.UTC), Value: v}
}

// Oracle: the rules in the comment of Collector, row by row.
func TestCollector(t *testing.T) {
	c := source.NewCollector(source.Window{Keys: []string{"A", "B"}})
	c.Redact = func(s string) string { return strings.ReplaceAll(s, "secret", "-") }
	news := []bool{
		c.Add("A", at(2, 5)),
		c.Add("A", at(1, math.NaN())),
		c.Add("A", at(2, 5)),          // the same: nothing new
		c.Add("A", at(1, math.NaN())), // missing twice is the same too
		c.Add("A", at(2, 6)),          // revised between two pages
		c.Add("A", at(2, 6)),
		c.Add("B", at(1, 1)),                           // another key
		c.AddMalformed("A", malformed("bad"), true),    // its own row
		c.AddMalformed("A", malformed("bad"), true),    // repeated
		c.AddMalformed("", malformed("secret"), false), // nobody's
		c.Skip("other"), c.Skip("other"),
	}
	want := []bool{true, true, false, false, true, false, true, true, false, true, true, false}
	if diff := cmp.Diff(want, news); diff != "" {
		t.Errorf("new rows (-want +got):\n%s", diff)
	}
	wantRows := source.Fetched{
		Keys: map[string]source.Rows{
			"A": {
				Obs:       []series.Observation{at(1, math.NaN()), at(2, 5)},
				Twins:     []series.Observation{at(2, 6)},
				Malformed: []series.Malformed{malformed("bad")},
				Schema:    1,
			},
			"B": {Obs: []series.Observation{at(1, 1)}},
		},
		Stray: []series.Malformed{malformed("-")},
	}
	if diff := cmp.Diff(wantRows, c.Fetched(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("fetched (-want +got):\n%s", diff)
	}
}

// A row that does not say whose it is can only belong to the one key that was asked for.
func TestOnlyKeyTakesStrayRows(t *testing.T) {
	c := source.NewCollector(source.Window{Keys: []string{"A"}})
	c.AddMalformed("", malformed("lost"), true)
	if f := c.Fetched(); len(f.Keys["A"].Malformed) != 1 || len(f.Stray) != 0 {
		t.Errorf("fetched %+v", f)
	}
}

func malformed(payload string) series.Malformed {
	return series.Malformed{Payload: payload, Reason: "bad"}
}
