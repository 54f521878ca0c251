package bellwether

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// Status shows how the pipeline is.
type Status struct {
	Connection `embed:""`
	JSON       bool `help:"Print JSON."`
}

// report is what Status shows, and its JSON.
type report struct {
	At        time.Time       `json:"at"`
	Services  []serviceReport `json:"services"`
	Consumers []lagReport     `json:"consumers"`
	Series    []seriesReport  `json:"series"`
	Alerts    []alertReport   `json:"open_alerts"`
	Totals    chio.Totals     `json:"totals"`
}

type serviceReport struct {
	Name      string `json:"name"`
	Instances int    `json:"instances"`
	Version   string `json:"version,omitempty"`
}

type lagReport struct {
	Stream  string  `json:"stream"`
	Name    string  `json:"consumer"`
	Pending uint64  `json:"pending"`
	Unacked uint64  `json:"unacknowledged"`
	Oldest  float64 `json:"oldest_seconds"`
	Paused  bool    `json:"paused"`
}

type seriesReport struct {
	ID           string    `json:"series"`
	Observations uint64    `json:"observations"`
	Last         time.Time `json:"last_observation"`
	ForecastAt   time.Time `json:"last_forecast,omitzero"`
	Champion     string    `json:"champion,omitempty"`
	BacktestMAPE *float64  `json:"backtest_mape,omitempty"`
	LiveMAPE     *float64  `json:"live_mape,omitempty"`
}

type alertReport struct {
	Name     string         `json:"name"`
	Severity event.Severity `json:"severity"`
	Class    event.Class    `json:"class"`
	Since    time.Time      `json:"since"`
	Summary  string         `json:"summary"`
}

// Run implements the command.
func (s *Status) Run(ctx context.Context, out Output) error {
	r, err := s.collect(ctx)
	if err != nil {
		return err
	}
	if s.JSON {
		enc := json.NewEncoder(out.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	r.print(out.Out)
	return nil
}

func (s *Status) collect(ctx context.Context) (report, error) {
	r := report{At: time.Now().UTC(), Services: []serviceReport{}, Consumers: []lagReport{}, Series: []seriesReport{}, Alerts: []alertReport{}}
	bus, err := s.bus(ctx)
	if err != nil {
		return r, err
	}
	defer bus.Close()
	store, err := s.store(ctx)
	if err != nil {
		return r, err
	}
	defer store.Close()
	return r, errors.Join(r.fromBus(ctx, bus), r.fromStore(ctx, store))
}

func (r *report) fromBus(ctx context.Context, bus *natsio.Bus) error {
	found, err := bus.Ping(ctx)
	if err != nil {
		return err
	}
	for _, name := range event.Services() {
		x := serviceReport{Name: name}
		for _, f := range found {
			if f.Name == name {
				x.Instances++
				x.Version = f.Version
			}
		}
		r.Services = append(r.Services, x)
	}
	consumers, err := bus.Consumers(ctx)
	if err != nil {
		return err
	}
	for _, c := range consumers {
		lag, err := bus.Lag(ctx, c.Stream, c.Name)
		if errors.Is(err, natsio.ErrNotFound) {
			continue // ephemeral, and gone by now
		}
		if err != nil {
			return err
		}
		r.Consumers = append(r.Consumers, lagReport{c.Stream, c.Name, lag.Pending, lag.AckPending, lag.Oldest.Seconds(), lag.Paused})
	}
	return nil
}

func (r *report) fromStore(ctx context.Context, store *chio.Store) error {
	st, err := store.Status(ctx)
	if err != nil {
		return err
	}
	r.Totals = st.Totals
	for _, x := range st.Series {
		r.Series = append(r.Series, seriesReport{
			ID: x.ID.String(), Observations: x.Observations, Last: x.Last, ForecastAt: x.ForecastAt, Champion: string(x.Champion),
			BacktestMAPE: known(x.BacktestMAPE), LiveMAPE: known(x.LiveMAPE),
		})
	}
	open, err := store.OpenAlerts(ctx)
	if err != nil {
		return err
	}
	for _, a := range open {
		r.Alerts = append(r.Alerts, alertReport{a.Name, a.Severity, a.Class, a.StartedAt, a.Summary})
	}
	slices.SortFunc(r.Alerts, func(a, b alertReport) int { return a.Since.Compare(b.Since) })
	return nil
}

// known returns nil for NaN, which JSON does not have.
func known(v float64) *float64 {
	if math.IsNaN(v) || v == 0 {
		return nil
	}
	return &v
}

func (r report) print(w io.Writer) {
	t := newTable(w, "service", "instances", "version")
	for _, s := range r.Services {
		state := strconv.Itoa(s.Instances)
		if s.Instances == 0 {
			state = "none answers"
		}
		t.AppendRow(table.Row{s.Name, state, s.Version})
	}
	t.Render()

	t = newTable(w, "stream", "consumer", "pending", "unacked", "oldest", "")
	for _, c := range r.Consumers {
		paused := ""
		if c.Paused {
			paused = "paused"
		}
		t.AppendRow(table.Row{c.Stream, c.Name, c.Pending, c.Unacked, fmt.Sprintf("%.1fs", c.Oldest), paused})
	}
	t.Render()

	t = newTable(w, "series", "observations", "last", "last forecast", "champion", "backtest MAPE", "live MAPE")
	for _, s := range r.Series {
		t.AppendRow(table.Row{s.ID, s.Observations, hour(s.Last), hour(s.ForecastAt), s.Champion, percent(s.BacktestMAPE), percent(s.LiveMAPE)})
	}
	t.Render()

	if len(r.Alerts) == 0 {
		fmt.Fprintln(w, "no open alerts"+r.unwatched())
		return
	}
	t = newTable(w, "open alert", "severity", "class", "since", "summary")
	for _, a := range r.Alerts {
		t.AppendRow(table.Row{a.Name, a.Severity, a.Class, a.Since.Format(time.DateTime), a.Summary})
	}
	t.Render()
}

// unwatched warns when no monitor is there to raise alerts.
func (r report) unwatched() string {
	for _, s := range r.Services {
		if s.Name == event.Monitor && s.Instances == 0 {
			return "; but no monitor answers, so none would be raised"
		}
	}
	return ""
}

func newTable(w io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(header)
	return t
}

func hour(t time.Time) string {
	if t.Unix() <= 0 {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", *v)
}
