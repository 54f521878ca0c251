package monitor

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// ask sends a request over a real bus, as the command does.
func ask[Out any](t *testing.T, b *natsio.Bus, verb string, in any) (Out, error) {
	t.Helper()
	var out Out
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.Request(t.Context(), wire.Control(event.Monitor, verb), data)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(answer, &out)
}

func TestControlOverTheBus(t *testing.T) {
	b := openBus(t)
	var c control
	stop, err := b.Serve(event.Monitor, "1.0.0", "test", c.verbs())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := ask[[]AlertStatus](t, b, VerbAlerts, nil); err == nil || !strings.Contains(err.Error(), StandingBy) {
		t.Errorf("a replica that stands by says %v", err)
	}
	w := newWorld(t, quietConfig())
	c.h.Store(w.h)
	w.play(10, raise(5, "upstream_unavailable", event.Warning))

	open, err := ask[[]AlertStatus](t, b, VerbAlerts, nil)
	if err != nil || len(open) != 1 || open[0].State != event.Firing || !open[0].Told {
		t.Fatalf("open alerts are %+v, %v", open, err)
	}
	if len(open[0].Evidence) == 0 || open[0].Evidence[len(open[0].Evidence)-1].Kind != event.EvidenceQuery {
		t.Errorf("evidence is %+v, want queries at least", open[0].Evidence)
	}
	s, err := ask[Silence](t, b, VerbSilence, Silence{Matchers: []string{`subject="eia"`}, Start: w.clock, End: w.clock.Add(time.Hour), Author: "ann", Comment: "test"})
	if err != nil || s.ID == "" || s.State != "active" {
		t.Fatalf("silence is %+v, %v", s, err)
	}
	w.clock = w.clock.Add(time.Second)
	w.flush()
	x, err := ask[Explanation](t, b, VerbExplain, ExplainRequest{Alert: open[0].Fingerprint[:6]})
	if err != nil || x.Alert.State != event.Silenced {
		t.Fatalf("explanation is %+v, %v", x, err)
	}
	if i := slices.IndexFunc(x.Steps, func(s Step) bool { return s.Decides }); i < 0 || !strings.Contains(x.Steps[i].Answer, s.ID) {
		t.Errorf("the steps %+v do not name the silence %s", x.Steps, s.ID)
	}
	if s, err = ask[Silence](t, b, VerbExpire, Silence{ID: s.ID}); err != nil || s.State != "expired" {
		t.Errorf("expired silence is %+v, %v", s, err)
	}
	w.clock = w.clock.Add(time.Second)
	w.flush()
	a, err := ask[AlertStatus](t, b, VerbAck, AckRequest{Alert: open[0].ID, By: "ann", Comment: "on it"})
	if err != nil || a.State != event.Acknowledged || !strings.Contains(a.Reason, "ann") {
		t.Errorf("acknowledged alert is %+v, %v", a, err)
	}
	for verb, in := range map[string]any{
		VerbExplain: ExplainRequest{Alert: "nothing"}, VerbAck: AckRequest{Alert: open[0].ID}, VerbExpire: Silence{ID: "nothing"},
		VerbSilence: Silence{Matchers: []string{`a!="b"`}, End: w.clock.Add(time.Hour), Author: "ann", Comment: "all"},
	} {
		var answer *natsio.ServiceError
		if _, err := ask[map[string]any](t, b, verb, in); !errors.As(err, &answer) || answer.Code != natsio.CodeInvalid {
			t.Errorf("%s %+v: %v, want an error that says what to mend", verb, in, err)
		}
	}
}
