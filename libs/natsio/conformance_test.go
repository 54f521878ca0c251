package natsio_test

import (
	"testing"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/stage/stagetest"
)

// TestConformance runs the suite that the memory bus passes too against a real server.
func TestConformance(t *testing.T) {
	stagetest.TestBus(t, func(tb testing.TB) stage.Bus {
		tb.Helper()
		return openBus(tb)
	})
}
