package trainer

import (
	"strings"
	"testing"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// With 60 of 168 points of the last week in quarantine, 36 %, a job is answered with an event and no model. The limit
// of 25 % lies at 42 points. A person gets a model in any case.
func TestTrainingIsHeld(t *testing.T) {
	t.Parallel()
	manual := stage.Message{Subject: wire.TrainJob(pjm), ID: "job.j2", Time: at(9000), Attempt: 1, Data: wire.EncodeJob(forecast.Job{
		Series: pjm, ID: "j2", Reason: forecast.Manual, AsOf: at(800), RequestedAt: at(800), RequestedBy: "test",
	})}
	for name, tc := range map[string]struct {
		held uint64
		in   stage.Message
		want bool // a model
	}{
		"broken":   {60, job(at(800)), false},
		"within":   {42, job(at(800)), true},
		"a person": {60, manual, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := history(800)
			m.held = tc.held
			res := handle(t, New(cfg, "t", "v", m, m), tc.in)
			made, raised, cleared := false, false, false
			for _, out := range res.Out {
				made = made || out.Subject == wire.Model(pjm)
				e, err := wire.DecodeEvent(out.Data)
				raised = raised || err == nil && e.Error != nil && e.Error.Code == "training_held" && e.Error.Condition == event.Raised &&
					strings.Contains(e.Error.Message, "60 of 168 points")
				cleared = cleared || err == nil && e.Error != nil && e.Error.Code == "training_held" && e.Error.Condition == event.Cleared
			}
			if cleared != tc.want {
				t.Errorf("cleared %v, want %v", cleared, tc.want)
			}
			if made != tc.want || raised == tc.want {
				t.Errorf("made a model %v, raised %v; want a model %v and otherwise an event", made, raised, tc.want)
			}
		})
	}
}
