package stagetest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/stage/stagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	stagetest.TestBus(t, func(testing.TB) stage.Bus { return &stagetest.Bus{} })
}
