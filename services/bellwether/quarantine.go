package bellwether

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Quarantine is about observations and rows that the validator kept back.
type Quarantine struct {
	Connection `embed:""`

	List    QuarantineList    `cmd:"" help:"List what is kept back, newest first."`
	Show    QuarantineShow    `cmd:"" help:"Show one row with its evidence and payload."`
	Release QuarantineRelease `cmd:"" help:"Accept rows after all: they go through the validator again, which records them and passes them on."`
	Discard QuarantineDiscard `cmd:"" help:"Mark rows as wrong and done with."`
}

// QuarantineList lists rows in quarantine.
type QuarantineList struct {
	Series string `help:"Only of this series, for example eia.PJM."`
	Reason string `help:"Only what this check kept back, for example unit."`
	Status string `help:"held, released, discarded or all." enum:"held,released,discarded,all" default:"held"`
	Limit  int    `help:"Most rows; 0 means all." default:"100"`
	JSON   bool   `help:"Print JSON, one a line."`
}

// Run implements the command.
func (l *QuarantineList) Run(ctx context.Context, out Output, q *Quarantine) error {
	store, err := q.store(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	query := chio.QuarantineQuery{Series: l.Series, Reason: l.Reason, Status: l.Status, Limit: l.Limit}
	if query.Status == "all" {
		query.Status = ""
	}
	rows, err := store.Quarantine(ctx, query)
	if err != nil {
		return err
	}
	if l.JSON {
		return writeHeld(out.Out, rows)
	}
	printHeld(out.Out, rows)
	return nil
}

// heldRow is a row in quarantine in JSON.
type heldRow struct {
	ID      string    `json:"record_id"`
	Series  string    `json:"series"`
	Period  string    `json:"period"`
	Value   *float64  `json:"value"` // null when the row has none
	Reason  string    `json:"reason"`
	Detail  string    `json:"detail"`
	Status  string    `json:"status"`
	KnownAt time.Time `json:"known_at"`
	Updated time.Time `json:"updated_at"`
	RunID   string    `json:"run_id"`
	Payload string    `json:"payload"`
}

func writeHeld(w io.Writer, rows []record.Quarantine) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, r := range rows {
		x := heldRow{r.RecordID, r.Series, r.Period, nil, r.Reason, r.Detail, r.Status, r.KnownAt, r.UpdatedAt, r.RunID, r.Payload}
		if finite(r.Value) {
			x.Value = &r.Value
		}
		if err := enc.Encode(x); err != nil {
			return err
		}
	}
	return nil
}

func finite(v float64) bool { return v-v == 0 }

func printHeld(w io.Writer, rows []record.Quarantine) {
	if len(rows) == 0 {
		fmt.Fprintln(w, "nothing in quarantine")
		return
	}
	t := newTable(w, "record", "series", "period", "value", "reason", "detail", "status", "known")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "detail", WidthMax: 50}})
	for _, r := range rows {
		t.AppendRow(table.Row{r.RecordID, r.Series, r.Period, r.Value, r.Reason, r.Detail, r.Status, r.KnownAt.Format(time.DateTime)})
	}
	t.Render()
}

// QuarantineShow shows a row.
type QuarantineShow struct {
	ID string `arg:"" help:"Record, as list shows it."`
}

// Run implements the command.
func (s *QuarantineShow) Run(ctx context.Context, out Output, q *Quarantine) error {
	store, err := q.store(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	r, err := heldByID(ctx, store, s.ID)
	if err != nil {
		return err
	}
	for _, line := range [][2]string{
		{"record", r.RecordID},
		{"series", r.Series},
		{"period", r.Period},
		{"value", fmt.Sprint(r.Value)},
		{"reason", r.Reason},
		{"detail", r.Detail},
		{"status", r.Status + " since " + r.UpdatedAt.Format(time.RFC3339)},
		{"known", r.KnownAt.Format(time.RFC3339) + " by run " + r.RunID},
		{"payload", r.Payload},
	} {
		fmt.Fprintf(out.Out, "%-10s %s\n", line[0], line[1])
	}
	return nil
}

func heldByID(ctx context.Context, store *chio.Store, id string) (record.Quarantine, error) {
	rows, err := store.Quarantine(ctx, chio.QuarantineQuery{IDs: []string{id}})
	if err != nil {
		return record.Quarantine{}, err
	}
	if len(rows) == 0 {
		return record.Quarantine{}, fmt.Errorf("no record %q in quarantine; bellwether quarantine list shows them", id)
	}
	return rows[0], nil
}

// QuarantineRelease accepts rows.
type QuarantineRelease struct {
	Decide `embed:""`
}

// Run implements the command.
func (r *QuarantineRelease) Run(ctx context.Context, out Output, q *Quarantine) error {
	return r.each(ctx, out, q, wire.Release, "released")
}

// QuarantineDiscard closes rows.
type QuarantineDiscard struct {
	Decide `embed:""`
}

// Run implements the command.
func (r *QuarantineDiscard) Run(ctx context.Context, out Output, q *Quarantine) error {
	return r.each(ctx, out, q, wire.Discard, "discarded")
}

// Decide names the rows that a decision is about.
type Decide struct {
	IDs  []string      `arg:"" name:"record" help:"Records, as list shows them."`
	Wait time.Duration `help:"How long to wait for the validator to carry it out; 0 does not wait." default:"15s"`
}

// unplaceable are the reasons for which a row has no value or no place in its series, so that it cannot be released.
func unplaceable(r record.Quarantine) bool {
	switch r.Reason {
	case "schema", "type", "off_grid", "future", "null":
		return true
	}
	return !finite(r.Value)
}

var errUnplaceable = errors.New("it has no value or no place in the series: mend the source and ask it again (bellwether refresh), then discard the row")

// each decides about every row and waits until the record says so. All are tried; the error joins what went wrong.
func (d *Decide) each(ctx context.Context, out Output, q *Quarantine, decision wire.Decision, status string) error {
	store, err := q.store(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	bus, err := q.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	var errs []error
	for _, id := range d.IDs {
		row, err := heldByID(ctx, store, id)
		switch {
		case err != nil:
		case row.Status == status:
			fmt.Fprintf(out.Out, "%s: is %s already\n", id, status)
			continue
		case decision == wire.Release && unplaceable(row):
			err = fmt.Errorf("%s was kept back for %s: %w", id, row.Reason, errUnplaceable)
		default:
			err = d.tell(ctx, store, bus, row, decision, status)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(out.Out, "%s: %s\n", id, status)
	}
	return errors.Join(errs...)
}

func (d *Decide) tell(ctx context.Context, store *chio.Store, bus stage.Publisher, row record.Quarantine, decision wire.Decision, status string) error {
	b, err := describe(ctx, store, row)
	if err != nil {
		return err
	}
	m, err := wire.EncodeDecision(decision, b, row)
	if err != nil {
		return err
	}
	if err := bus.Publish(ctx, m); err != nil {
		return err
	}
	if d.Wait <= 0 {
		return nil
	}
	return d.until(ctx, store, row.RecordID, status)
}

// describe returns an empty batch of the series of row, known now.
func describe(ctx context.Context, store *chio.Store, row record.Quarantine) (series.Batch, error) {
	id, err := series.ParseID(row.Series)
	if err != nil {
		return series.Batch{}, err
	}
	y, err := store.Tail(ctx, id, 1)
	if err != nil {
		return series.Batch{}, err
	}
	b := series.Batch{
		Series: id, SchemaVersion: series.SchemaVersion, Unit: y.Unit, Step: y.Step, KnownAt: time.Now().UTC().Truncate(time.Second),
		RunID: row.RunID, Origin: series.Refresh,
	}
	if y.Zone != nil {
		b.Zone = y.Zone.String()
	}
	if b.Step <= 0 {
		b.Step = time.Hour // nothing of the series was ever accepted
	}
	return b, nil
}

// until asks the record again and again until the row has the status.
func (d *Decide) until(ctx context.Context, store *chio.Store, id, status string) error {
	ctx, cancel := context.WithTimeout(ctx, d.Wait)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		row, err := heldByID(ctx, store, id)
		if err == nil && row.Status == status {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: told the validator, which has not carried it out within %s; is it running? If it refused, bellwether dlq list says why", id, d.Wait)
		case <-tick.C:
		}
	}
}
