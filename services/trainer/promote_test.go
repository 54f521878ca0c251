package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// registry is a registry in memory with what is written to it and said about it.
type registry struct {
	models    []forecast.Model
	artifacts map[string][]byte
	announced []stage.Message
	refuse    error // of the next announcement
	clock     time.Time
}

func (r *registry) Champion(context.Context, series.ID) (best forecast.Model, found bool, err error) {
	for _, m := range r.models {
		if m.Stage == forecast.Champion && (!found || m.StageAt.After(best.StageAt)) {
			best, found = m, true
		}
	}
	return best, found, nil
}

func (r *registry) Model(_ context.Context, id series.ID, name string) (forecast.Model, bool, error) {
	for _, m := range r.models {
		if m.Series == id && m.ID == name {
			return m, true, nil
		}
	}
	return forecast.Model{}, false, nil
}

func (r *registry) Get(_ context.Context, name string) ([]byte, error) {
	if data, ok := r.artifacts[name]; ok {
		return data, nil
	}
	return nil, errors.New("no such object")
}

func (r *registry) Write(_ context.Context, _ string, rows []stage.Row) error {
	for _, row := range rows {
		x := row.(record.Model)
		for i := range r.models {
			if m := &r.models[i]; m.ID == x.ModelID {
				m.Stage, m.StageAt, m.Decision, m.ParentID = forecast.Stage(x.Stage), x.StageAt, x.Decision, x.ParentID
			}
		}
	}
	return nil
}

func (r *registry) Publish(_ context.Context, msgs ...stage.Message) error {
	if err := r.refuse; err != nil {
		r.refuse = nil
		return err
	}
	r.announced = append(r.announced, msgs...)
	return nil
}

// registeredTwice trains twice on more and more history and returns a registry of the models.
func registeredTwice(t *testing.T) *registry {
	t.Helper()
	m := history(60 * 24)
	reg := &registry{artifacts: m.artifacts, clock: at(10000)}
	w := New(cfg, "t-1", "v1", m, m)
	w.candidates = []model.Fitter{model.SeasonalNaive{Period: 24}, model.SeasonalNaive{Period: 168}, model.WeekMean{}}
	for i, days := range []int{50, 60} {
		in := job(at(days * 24))
		in.Time = at(9000 + 24*i)
		r := handle(t, w, in)
		for _, row := range r.Rows {
			x, ok := row.(record.Model)
			if !ok {
				continue
			}
			reg.models = append(reg.models, forecast.Model{
				Series: pjm, ID: x.ModelID, Kind: model.Kind(x.Kind), Params: x.Params, Artifact: x.Artifact, ParentID: x.ParentID,
				Stage: forecast.Stage(x.Stage), StageAt: x.StageAt, CreatedAt: x.CreatedAt,
			})
		}
		c, _, _ := reg.Champion(t.Context(), pjm)
		m.champion = &c
	}
	return reg
}

func (r *registry) ask(t *testing.T, body string) (Promoted, error) {
	t.Helper()
	p := &Promoter{Registry: r, Sink: r, Publisher: r, Artifacts: r, now: func() time.Time { r.clock = r.clock.Add(time.Minute); return r.clock }}
	data, err := p.Answer(t.Context(), []byte(body))
	var out Promoted
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}

func TestRollbackAndPromote(t *testing.T) {
	r := registeredTwice(t)
	second, _, _ := r.Champion(t.Context(), pjm)
	back, err := r.ask(t, `{"series":"eia.PJM","why":"it missed the heat wave"}`)
	if err != nil || !back.Changed || back.ModelID != second.ParentID || back.Before != second.ID {
		t.Fatalf("rollback answers %+v, %v; want %s again", back, err, second.ParentID)
	}
	first, _, _ := r.Champion(t.Context(), pjm)
	if first.ID != second.ParentID || !strings.Contains(first.Decision, "by hand in place of "+second.ID+": it missed the heat wave") {
		t.Errorf("champion %s: %s", first.ID, first.Decision)
	}
	announced, err := wire.DecodeModel(r.announced[0].Data)
	if err != nil || announced.ID != first.ID || !announced.StageAt.After(second.StageAt) || !announced.CreatedAt.Before(second.CreatedAt) {
		t.Errorf("announced %+v, %v; want the older model with a newer stage", announced, err)
	}
	again, err := r.ask(t, `{"series":"eia.PJM","model_id":"`+second.ID+`"}`)
	if err != nil || again.ModelID != second.ID || !again.Changed {
		t.Errorf("promote answers %+v, %v", again, err)
	}
	if same, err := r.ask(t, `{"series":"eia.PJM","model_id":"`+second.ID+`"}`); err != nil || same.Changed {
		t.Errorf("the second promote answers %+v, %v; want that nothing changed", same, err)
	}
	if back, err := r.ask(t, `{"series":"eia.PJM"}`); err != nil || back.ModelID != first.ID {
		t.Errorf("rollback of a promoted model answers %+v, %v; want the one it replaced", back, err)
	}
}

func TestAnInterruptedPromotionIsRepeated(t *testing.T) {
	r := registeredTwice(t)
	champion, _, _ := r.Champion(t.Context(), pjm)
	r.refuse = errors.New("bus is away")
	body := `{"series":"eia.PJM","model_id":"` + champion.ParentID + `"}`
	if _, err := r.ask(t, body); err == nil {
		t.Fatal("an announcement that was not taken is no error")
	}
	if _, err := r.ask(t, body); err != nil {
		t.Fatal(err)
	}
	if len(r.announced) != 1 {
		t.Fatalf("%d announcements after the repetition, want the one that was missing", len(r.announced))
	}
}

func TestPromoteRefuses(t *testing.T) {
	r := registeredTwice(t)
	first := r.models[0].ID
	delete(r.artifacts, r.models[0].Artifact)
	for body, want := range map[string]string{
		`{`:                                      "body is not",
		`{"series":"noKey"}`:                     "series:",
		`{"series":"eia.PJM","model_id":"nope"}`: "has no model nope; bellwether models list",
		`{"series":"eia.PJM","model_id":"` + first + `"}`: "cannot serve",
	} {
		if _, err := r.ask(t, body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	if _, err := (&registry{}).ask(t, `{"series":"eia.PJM"}`); !errors.Is(err, stage.ErrPermanent) || !strings.Contains(err.Error(), "bellwether train eia.PJM") {
		t.Errorf("rollback without a champion: %v", err)
	}
}
