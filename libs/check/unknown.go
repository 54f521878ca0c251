package check

import (
	"fmt"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Known refuses series nobody asked for: a misspelt key, or a source that began to report more.
type Known struct {
	Series map[string]bool // by name; empty means that all are welcome
}

// Check answers what is wrong with the name, or nothing.
func (c Known) Check(id series.ID) (string, bool) {
	if len(c.Series) == 0 || c.Series[id.String()] {
		return "", false
	}
	return fmt.Sprintf("series %s is not among the %d that are expected", id, len(c.Series)), true
}
