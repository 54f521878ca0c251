package wire_test

import (
	"testing"

	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func TestStoredAndPublished(t *testing.T) {
	for published, stored := range map[string]struct{ filter, subject string }{
		"bw.obs.raw.eia.PJM":      {"bw.obs.raw.*.eia.PJM", "bw.obs.raw.3.eia.PJM"},
		"bw.obs.valid.eia.PJM":    {"bw.obs.valid.*.eia.PJM", "bw.obs.valid.0.eia.PJM"},
		"bw.obs.raw.7.7":          {"bw.obs.raw.*.7.7", "bw.obs.raw.7.7.7"},
		"bw.model.eia.PJM":        {"bw.model.*.eia.PJM", "bw.model.7.eia.PJM"},
		"bw.forecast.eia.PJM":     {"bw.forecast.eia.PJM", "bw.forecast.eia.PJM"},
		"bw.job.train.eia.3":      {"bw.job.train.eia.3", "bw.job.train.eia.3"},
		"bw.event.lag.forecaster": {"bw.event.lag.forecaster", "bw.event.lag.forecaster"},
	} {
		if got := wire.Stored(published); got != stored.filter {
			t.Errorf("Stored(%q) = %q, want %q", published, got, stored.filter)
		}
		if got := wire.Published(stored.subject); got != published {
			t.Errorf("Published(%q) = %q, want %q", stored.subject, got, published)
		}
	}
	// What matches every partition already stays, as do messages stored before there were partitions.
	for _, filter := range []string{wire.AllRaw, wire.AllObs, wire.AllModels, wire.RawPart(3), ">"} {
		if got := wire.Stored(filter); got != filter {
			t.Errorf("Stored(%q) = %q, want it unchanged", filter, got)
		}
	}
	for _, subject := range []string{"bw.obs.raw.eia.PJM", "bw.model.eia.PJM", "bw.obs.raw.x.eia.PJM"} {
		if got := wire.Published(subject); got != subject {
			t.Errorf("Published(%q) = %q, want it unchanged", subject, got)
		}
	}
}
