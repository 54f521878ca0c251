package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Batch says what is wrong with b as a whole: a payload version this code does not know, or an identity, step or time
// without which no observation can be placed. known is the step of the series so far, 0 when it is new: a series never
// changes its step, because one record cannot hold two grids. An empty answer means b is sound.
func Batch(b series.Batch, known time.Duration) string {
	var wrong []string
	if b.SchemaVersion != series.SchemaVersion {
		wrong = append(wrong, fmt.Sprintf("schema_version %d, want %d", b.SchemaVersion, series.SchemaVersion))
	}
	if b.Series.Source == "" || b.Series.Key == "" {
		wrong = append(wrong, fmt.Sprintf("series %q has no source or no key", b.Series))
	}
	switch {
	case b.Step <= 0:
		wrong = append(wrong, fmt.Sprintf("step %s is not positive", b.Step))
	case known > 0 && b.Step != known:
		wrong = append(wrong, fmt.Sprintf("step %s, the series has %s", b.Step, known))
	}
	if b.KnownAt.IsZero() {
		wrong = append(wrong, "known_at is missing")
	}
	return strings.Join(wrong, "; ")
}

// Unit flags the first batch that comes in another unit than the series had. Empty units are unknown and never flagged.
func Unit(unit, known string) (Finding, bool) {
	if unit == "" || known == "" || unit == known {
		return Finding{}, false
	}
	return Finding{Check: Schema, Outcome: Flag, Detail: fmt.Sprintf("unit is %q, was %q", unit, known)}, true
}
