package ingestor

import (
	_ "embed"
	"strings"
)

// zonesCSV lists the balancing authorities of Form EIA-930 with a time zone that has the daylight-saving rule people
// there live by: demand follows the clock on the wall.
//
//go:embed zones.csv
var zonesCSV string

// Zone returns the IANA time zone in which an area has its seasons, "UTC" when it is not known. A sub-area such as
// MISO-0027 and a type such as PJM.NG have the zone of their balancing authority.
func Zone(area string) string {
	ba, _, _ := strings.Cut(area, "-")
	ba, _, _ = strings.Cut(ba, ".")
	for line := range strings.Lines(zonesCSV) {
		id, zone, ok := strings.Cut(strings.TrimSpace(line), ",")
		if ok && id == ba {
			return zone
		}
	}
	return "UTC"
}
