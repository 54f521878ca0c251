package bellwether

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/trainer"
)

// Models is about the registry of models.
type Models struct {
	Connection `embed:""`

	List     ModelsList     `cmd:"" help:"List the models of a series, newest first, or the champion of every series."`
	Show     ModelsShow     `cmd:"" help:"Show a model: why it serves or does not, its lineage, and its rivals in the backtest."`
	Promote  ModelsPromote  `cmd:"" help:"Put a registered model into service."`
	Rollback ModelsRollback `cmd:"" help:"Put the model back into service that the champion of a series replaced."`
}

// ModelsList lists models.
type ModelsList struct {
	Series string         `arg:"" optional:"" help:"Series, for example eia.PJM; the champions of all series without it."`
	Stage  forecast.Stage `help:"Only models that are this now: champion, challenger, retired or all." enum:"champion,challenger,retired,all,default" default:"default"`
	Limit  int            `help:"Most rows; 0 means all." default:"100"`
	JSON   bool           `help:"Print JSON, one model a line."`
}

// Run implements the command.
func (l *ModelsList) Run(ctx context.Context, out Output, m *Models) error {
	q := chio.ModelsQuery{Series: l.Series, Stage: l.Stage, Limit: l.Limit}
	switch {
	case q.Stage == "all", q.Stage == "default" && l.Series != "":
		q.Stage = ""
	case q.Stage == "default":
		q.Stage = forecast.Champion
	}
	found, err := m.read(ctx, q)
	if err != nil {
		return err
	}
	if l.JSON {
		return writeModels(out.Out, found)
	}
	printModels(out.Out, found)
	return nil
}

func (m *Models) read(ctx context.Context, q chio.ModelsQuery) ([]forecast.Model, error) {
	if q.Series != "" {
		if _, err := series.ParseID(q.Series); err != nil {
			return nil, err
		}
	}
	store, err := m.store(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return store.Models(ctx, q)
}

// modelLine is a model in JSON.
type modelLine struct {
	Series       string    `json:"series"`
	ID           string    `json:"model_id"`
	Kind         string    `json:"kind"`
	Stage        string    `json:"stage"`
	StageAt      time.Time `json:"stage_at"`
	Decision     string    `json:"decision"`
	PValue       *float64  `json:"p_value"` // null when no test decided
	MAPE         *float64  `json:"backtest_mape"`
	MAE          *float64  `json:"backtest_mae"`
	MASE         *float64  `json:"backtest_mase"`
	Reason       string    `json:"reason"`
	Params       string    `json:"params"`
	Seed         uint64    `json:"seed"`
	TrainStart   time.Time `json:"train_start"`
	TrainEnd     time.Time `json:"train_end"`
	Observations uint32    `json:"observations"`
	DataSHA256   string    `json:"data_sha256"`
	Artifact     string    `json:"artifact"`
	CodeVersion  string    `json:"code_version"`
	ParentID     string    `json:"parent_id"`
	CreatedAt    time.Time `json:"created_at"`
}

func line(m forecast.Model) modelLine {
	number := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	return modelLine{
		m.Series.String(), m.ID, string(m.Kind), string(m.Stage), m.StageAt, m.Decision, number(m.PValue), number(m.MAPE), number(m.MAE), number(m.MASE),
		string(m.Reason), m.Params, m.Seed, m.TrainStart, m.TrainEnd, m.Observations, m.DataSHA256, m.Artifact, m.CodeVersion, m.ParentID, m.CreatedAt,
	}
}

func writeModels(w io.Writer, models []forecast.Model) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, m := range models {
		if err := enc.Encode(line(m)); err != nil {
			return err
		}
	}
	return nil
}

func printModels(w io.Writer, models []forecast.Model) {
	if len(models) == 0 {
		fmt.Fprintln(w, "no models; bellwether train SERIES asks for one")
		return
	}
	t := newTable(w, "series", "model", "kind", "stage", "since", "trained to", "MAPE", "MASE", "trained for", "decision")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "decision", WidthMax: 60}})
	for _, m := range models {
		t.AppendRow(table.Row{
			m.Series, m.ID, m.Kind, m.Stage, hour(m.StageAt), hour(m.TrainEnd), fmt.Sprintf("%.2f %%", m.MAPE), fmt.Sprintf("%.3f", m.MASE), m.Reason, m.Decision,
		})
	}
	t.Render()
}

// ModelsShow shows a model.
type ModelsShow struct {
	Series string `arg:"" help:"Series, for example eia.PJM."`
	ID     string `arg:"" optional:"" name:"model" help:"Model, as list shows it; the champion without it."`
	JSON   bool   `help:"Print JSON."`
}

// Run implements the command.
func (s *ModelsShow) Run(ctx context.Context, out Output, m *Models) error {
	q := chio.ModelsQuery{Series: s.Series, ID: s.ID, Limit: 1}
	if s.ID == "" {
		q.Stage = forecast.Champion
	}
	found, err := m.read(ctx, q)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("%s has no model %s; bellwether models list %s shows those it has", s.Series, s.ID, s.Series)
	}
	if s.JSON {
		return writeModels(out.Out, found)
	}
	printModel(out.Out, found[0])
	return nil
}

func printModel(w io.Writer, m forecast.Model) {
	p := "-"
	if !math.IsNaN(m.PValue) {
		p = fmt.Sprintf("%.4f", m.PValue)
	}
	for _, line := range [][2]string{
		{"series", m.Series.String()},
		{"model", m.ID},
		{"kind", string(m.Kind)},
		{"settings", m.Params},
		{"stage", string(m.Stage) + " since " + m.StageAt.Format(time.RFC3339)},
		{"decision", m.Decision},
		{"p-value", p},
		{"backtest", fmt.Sprintf("MAPE %.2f %%, MASE %.3f, MAE %s", m.MAPE, m.MASE, brief(m.MAE))},
		{"trained", m.CreatedAt.Format(time.RFC3339) + ", for " + string(m.Reason)},
		{"data", fmt.Sprintf("%s to %s, %d observations", m.TrainStart.Format(time.RFC3339), m.TrainEnd.Format(time.RFC3339), m.Observations)},
		{"digest", m.DataSHA256},
		{"artifact", m.Artifact},
		{"code", m.CodeVersion},
		{"seed", strconv.FormatUint(m.Seed, 10)},
		{"parent", m.ParentID},
	} {
		fmt.Fprintf(w, "%-10s %s\n", line[0], line[1])
	}
}

// ModelsPromote puts a model into service.
type ModelsPromote struct {
	Series string `arg:"" help:"Series, for example eia.PJM."`
	ID     string `arg:"" name:"model" help:"Model, as list shows it."`
	Why    string `help:"Reason, for the record."`
}

// Help implements kong.HelpProvider.
func (*ModelsPromote) Help() string {
	return "The model serves at once. The next training fits its recipe again, and replaces it only when another candidate's win is significant."
}

// Run implements the command.
func (p *ModelsPromote) Run(ctx context.Context, out Output, m *Models) error {
	return m.promote(ctx, out, trainer.PromoteRequest{Series: p.Series, ModelID: p.ID, Why: p.Why})
}

// ModelsRollback puts the former champion back into service.
type ModelsRollback struct {
	Series string `arg:"" help:"Series, for example eia.PJM."`
	Why    string `help:"Reason, for the record."`
}

// Run implements the command.
func (r *ModelsRollback) Run(ctx context.Context, out Output, m *Models) error {
	return m.promote(ctx, out, trainer.PromoteRequest{Series: r.Series, Why: r.Why})
}

func (m *Models) promote(ctx context.Context, out Output, req trainer.PromoteRequest) error {
	if _, err := series.ParseID(req.Series); err != nil {
		return err
	}
	bus, err := m.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	in, err := json.Marshal(req)
	if err != nil {
		return err
	}
	var done trainer.Promoted
	if err := request(ctx, bus, event.Trainer, "promote", in, &done); err != nil {
		return err
	}
	if !done.Changed {
		fmt.Fprintf(out.Out, "%s: %s serves already, %s\n", done.Series, done.ModelID, done.Kind)
		return nil
	}
	fmt.Fprintf(out.Out, "%s: %s serves now, %s; before it %s\n", done.Series, done.ModelID, done.Kind, done.Before)
	return nil
}
