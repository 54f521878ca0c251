package chio

import (
	"math"
	"testing"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Ten hours: 0 to 4 observed, 5 to 7 held, 3 held and corrected since, 8 discarded, 9 never reported.
func TestQuarantine(t *testing.T) {
	s := open(t)
	var rows []stage.Row
	for i := range 5 {
		rows = append(rows, observed("eia.PJM", i, 1)...)
	}
	for i, status := range map[int]string{5: "held", 6: "held", 7: "held", 3: "held", 8: "discarded"} {
		rows = append(rows, record.Quarantine{
			Series: "eia.PJM", RecordID: string(rune('a' + i)), TS: hour(i), Value: float64(i), Reason: "unit", Detail: "x", KnownAt: hour(i), Status: status, UpdatedAt: hour(i),
		})
	}
	rows = append(rows, stage.Row(record.Quarantine{
		Series: "eia.TVA", RecordID: "z", TS: hour(5), Value: math.NaN(), Reason: "schema", KnownAt: hour(5), Status: "held", UpdatedAt: hour(5),
	}))
	write(t, s, "q", rows...)
	for name, tc := range map[string]struct {
		q    QuarantineQuery
		want string
	}{
		"all, newest first": {QuarantineQuery{}, "ihgfzd"},
		"of a series":       {QuarantineQuery{Series: "eia.TVA"}, "z"},
		"held":              {QuarantineQuery{Status: "held", Reason: "unit"}, "hgfd"},
		"by id":             {QuarantineQuery{IDs: []string{"g", "z", "nothing"}}, "gz"},
		"the newest two":    {QuarantineQuery{Limit: 2}, "ih"},
	} {
		got := ""
		found, err := s.Quarantine(t.Context(), tc.q)
		for _, r := range found {
			got += r.RecordID
		}
		if err != nil || got != tc.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tc.want)
		}
	}
	accepted, held, err := s.Held(t.Context(), pjm, hour(-1), hour(9))
	if err != nil || accepted != 5 || held != 3 {
		t.Errorf("Held = %d, %d, %v; want 5 accepted and 3 held", accepted, held, err)
	}
}
