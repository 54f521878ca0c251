package bellwether

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/forecaster"
)

// Forecast shows the newest forecasts.
type Forecast struct {
	Connection `embed:""`
	Series     []string        `arg:"" help:"Series, for example eia.PJM."`
	Parent     string          `help:"A series that the others add up to: all are reconciled, and shown at the hours that all have."`
	Method     forecast.Method `help:"How to reconcile: mint_diagonal (all give way, by the size of their errors) or bottom_up (the parent becomes the sum)." enum:"mint_diagonal,bottom_up" default:"mint_diagonal"`
	History    int             `help:"Observations drawn before the forecast." default:"72"`
	Width      int             `help:"Columns of the chart; 0 means those of the terminal, as COLUMNS says, or 100." default:"0"`
	Height     int             `help:"Lines of the chart." default:"16"`
	JSON       bool            `help:"Print JSON, one forecast a line." xor:"format"`
	CSV        bool            `help:"Print CSV, one target a line, times in RFC 3339." xor:"format"`
}

// Help implements kong.HelpProvider.
func (*Forecast) Help() string {
	return `Draws the newest forecast of each series behind its last observations, with the 90 % interval, and says which model made it.

Examples:
  bellwether forecast eia.PJM
  bellwether forecast eia.PJM --csv > pjm.csv
  bellwether forecast eia.NORTH eia.SOUTH --parent=eia.TOTAL --json   # regions and their total, made to add up`
}

// Validate reports every bad field.
func (f *Forecast) Validate() error {
	var errs []error
	for _, name := range append(slices.Clone(f.Series), f.Parent) {
		if _, err := series.ParseID(name); err != nil && name != "" {
			errs = append(errs, err)
		}
	}
	if f.History < 0 {
		errs = append(errs, fmt.Errorf("history: %d is negative", f.History))
	}
	if f.Height < 3 || f.Height > 200 {
		errs = append(errs, fmt.Errorf("height: %d lines are not within 3..200", f.Height))
	}
	return errors.Join(errs...)
}

// Run implements the command.
func (f *Forecast) Run(ctx context.Context, out Output) error {
	issued, err := f.ask(ctx)
	if err != nil {
		return err
	}
	switch {
	case f.JSON:
		enc := json.NewEncoder(out.Out)
		for _, x := range issued {
			if err := enc.Encode(x); err != nil {
				return err
			}
		}
		return nil
	case f.CSV:
		return writeIssued(out.Out, issued)
	}
	for _, x := range issued {
		past, err := f.past(ctx, x)
		if err != nil {
			// The forecast is worth showing without what came before it.
			fmt.Fprintln(out.Err, "bellwether: observations are not known:", err)
		}
		width := f.Width
		if width <= 0 {
			width = columns(os.Getenv("COLUMNS"))
		}
		draw(out.Out, x, past, width, f.Height, colored(out.Out))
	}
	return nil
}

func (f *Forecast) ask(ctx context.Context) ([]forecaster.Issued, error) {
	bus, err := f.bus(ctx)
	if err != nil {
		return nil, err
	}
	defer bus.Close()
	in, err := json.Marshal(forecaster.GetRequest{Series: f.Series, Parent: f.Parent, Method: f.Method})
	if err != nil {
		return nil, err
	}
	var issued []forecaster.Issued
	return issued, request(ctx, bus, event.Forecaster, "get", in, &issued)
}

// request asks a service and decodes its answer.
func request(ctx context.Context, bus *natsio.Bus, service, verb string, in []byte, out any) error {
	data, err := bus.Request(ctx, wire.Control(service, verb), in)
	refused, ok := errors.AsType[*natsio.ServiceError](err)
	switch {
	case ok:
		return errors.New(refused.Description)
	case errors.Is(err, natsio.ErrNotFound):
		return fmt.Errorf("no %s is up: bellwether status shows the services", service)
	case err != nil:
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s: answer of %s: %w", verb, service, err)
	}
	return nil
}

// past returns the observations up to the data cut of a forecast.
func (f *Forecast) past(ctx context.Context, x forecaster.Issued) ([]float64, error) {
	id, err := series.ParseID(x.Series)
	if err != nil || f.History == 0 {
		return nil, err
	}
	store, err := f.store(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	step := time.Duration(x.StepS * float64(time.Second))
	y, err := store.Known(ctx, id, x.DataCut.Add(-time.Duration(f.History-1)*step), x.DataCut, time.Now())
	if err != nil || y.Len() == 0 {
		return nil, err
	}
	out := make([]float64, f.History)
	for i := range out {
		out[i] = math.NaN()
		if j, on := y.Index(x.DataCut.Add(-time.Duration(f.History-1-i) * step)); on && j >= 0 && j < y.Len() {
			out[i] = y.Values[j]
		}
	}
	return out, nil
}

// writeIssued prints one target a line.
func writeIssued(w io.Writer, issued []forecaster.Issued) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{
		"series", "target_ts", "horizon", "mean", "p05", "p10", "p50", "p90", "p95", "unit", "issued_at", "data_cut", "model_id", "model_kind",
		"fallback", "reason", "reconciled",
	})
	for _, x := range issued {
		for _, p := range x.Points {
			row := []string{x.Series, p.TargetTS.UTC().Format(time.RFC3339), strconv.Itoa(p.Horizon)}
			for _, v := range []float64{p.Mean, p.P05, p.P10, p.P50, p.P90, p.P95} {
				row = append(row, strconv.FormatFloat(v, 'g', -1, 64))
			}
			_ = c.Write(append(row, x.Unit, x.IssuedAt.UTC().Format(time.RFC3339Nano), x.DataCut.UTC().Format(time.RFC3339), x.ModelID, x.ModelKind,
				strconv.FormatBool(x.Fallback), x.Reason, string(x.Reconciled)))
		}
	}
	c.Flush()
	return c.Error() // of any of the writes
}

// draw prints a forecast as a chart: what was observed, then the mean between the ends of the 90 % interval.
func draw(w io.Writer, x forecaster.Issued, past []float64, width, height int, color bool) {
	n := len(past)
	lines := make([][]float64, 4) // observed, p05, p95, mean
	for i := range lines {
		lines[i] = slices.Repeat([]float64{math.NaN()}, n+len(x.Points))
	}
	copy(lines[0], past)
	for i, p := range x.Points {
		lines[1][n+i], lines[2][n+i], lines[3][n+i] = p.P05, p.P95, p.Mean
	}
	if n > 0 && !math.IsNaN(past[n-1]) {
		lines[1][n-1], lines[2][n-1], lines[3][n-1] = past[n-1], past[n-1], past[n-1] // the forecast goes on from there
	}
	first := x.Points[0].TargetTS.Add(-time.Duration(float64(n) * x.StepS * float64(time.Second)))
	last := x.Points[len(x.Points)-1].TargetTS
	dots, thick := asciigraph.CreateCharSet("·"), asciigraph.CreateCharSet("•")
	options := []asciigraph.Option{
		asciigraph.Height(height - 1), asciigraph.Width(max(width-12, 20)), asciigraph.Precision(0),
		asciigraph.SeriesChars(asciigraph.DefaultCharSet, dots, dots, thick),
		asciigraph.XAxisRange(float64(first.Unix()), float64(last.Unix())), asciigraph.XAxisTickCount(max(2, min(5, width/24))),
		asciigraph.XAxisValueFormatter(func(v float64) string { return time.Unix(int64(v), 0).UTC().Format("Jan 2 15:04") }),
	}
	if color {
		options = append(options, asciigraph.SeriesColors(asciigraph.Default, asciigraph.DarkGray, asciigraph.DarkGray, asciigraph.Green))
	}
	fmt.Fprintf(w, "%s, %s: ─ observed  • forecast  · 90 %% interval (UTC)\n", x.Series, x.Unit)
	fmt.Fprintln(w, asciigraph.PlotMany(lines, options...))
	fmt.Fprintln(w, caption(x))
}

// caption says in words what the chart shows.
func caption(x forecaster.Issued) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s forecasts %d points from data up to %s, issued %s.", x.ModelKind, x.ModelID, len(x.Points),
		x.DataCut.UTC().Format("2006-01-02 15:04"), x.IssuedAt.UTC().Format("2006-01-02 15:04"))
	if x.Fallback {
		fmt.Fprintf(&b, " A fallback: %s.", x.Reason)
	}
	if x.Reconciled != "" {
		fmt.Fprintf(&b, " Reconciled by %s.", x.Reconciled)
	}
	p := x.Points[0]
	fmt.Fprintf(&b, "\nNext: %s %s at %s, 90 %% between %s and %s.\n", brief(p.Mean), x.Unit, p.TargetTS.UTC().Format("15:04"), brief(p.P05), brief(p.P95))
	return b.String()
}

// brief writes a value to five digits.
func brief(v float64) string {
	if a := math.Abs(v); a >= 1e4 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}

// columns returns the width that COLUMNS gives, or 100.
func columns(text string) int {
	if n, err := strconv.Atoi(text); err == nil && n >= 40 {
		return min(n, 400)
	}
	return 100
}

// colored reports whether w is a terminal whose user does not mind colours (no-color.org).
func colored(w io.Writer) bool {
	return newShow(w, time.Time{}).tty && os.Getenv("NO_COLOR") == ""
}
