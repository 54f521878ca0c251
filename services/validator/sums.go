package validator

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// total is a whole and the series that should add up to it.
type total struct {
	whole series.ID
	parts []series.ID
}

// errSum is returned for a sum that is not spelt whole=part+part.
var errSum = errors.New("validator: sums: not spelt whole=part+part")

// parseSums reads the sums of the configuration.
func parseSums(texts []string) ([]total, error) {
	var out []total
	for _, text := range texts {
		left, right, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("%w: %q", errSum, text)
		}
		whole, err := series.ParseID(strings.TrimSpace(left))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errSum, err)
		}
		t := total{whole: whole}
		for name := range strings.SplitSeq(right, "+") {
			part, err := series.ParseID(strings.TrimSpace(name))
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errSum, err)
			}
			t.parts = append(t.parts, part)
		}
		out = append(out, t)
	}
	return out, nil
}

// sums gathers the sums of the configuration as their values come. A replica that reads only some of the parts never
// completes a sum and says nothing about it.
type sums struct {
	check  check.Whole
	wholes map[series.ID][]*check.Sums
	parts  map[series.ID][]*check.Sums
}

func newSums(cfg Config) sums {
	totals, err := parseSums(cfg.Sums)
	if err != nil || len(totals) == 0 {
		return sums{} // Validate says what is wrong
	}
	s := sums{
		check: check.Whole{Share: cfg.PartsShare}, wholes: make(map[series.ID][]*check.Sums), parts: make(map[series.ID][]*check.Sums),
	}
	for _, t := range totals {
		x := &check.Sums{Count: len(t.parts)}
		s.wholes[t.whole] = append(s.wholes[t.whole], x)
		for _, part := range t.parts {
			s.parts[part] = append(s.parts[part], x)
		}
	}
	return s
}

// add adds a new value to the sums it belongs to.
func (s sums) add(id series.ID, step time.Duration, ts time.Time, v float64) []check.Finding {
	if s.wholes == nil {
		return nil
	}
	var out []check.Finding
	for _, x := range s.parts[id] {
		x.Step = int64(step / time.Second)
		if f, wrong := x.Part(s.check, ts.Unix(), v); wrong {
			out = append(out, f)
		}
	}
	for _, x := range s.wholes[id] {
		x.Step = int64(step / time.Second)
		if f, wrong := x.Total(s.check, ts.Unix(), v); wrong {
			out = append(out, f)
		}
	}
	return out
}
