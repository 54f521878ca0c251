package bellwether

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/services/monitor"
)

// Silence is about silences.
type Silence struct {
	NATS natsio.Config `embed:"" prefix:"nats-"`

	Add    SilenceAdd    `cmd:"" help:"Hold back the alerts that all matchers match, for a time."`
	List   SilenceList   `cmd:"" help:"List silences: those to come, in force, and over for less than five days."`
	Expire SilenceExpire `cmd:"" help:"End a silence now."`
}

// SilenceAdd adds a silence.
type SilenceAdd struct {
	Matchers []string      `arg:"" help:"Which alerts, as name=\"consumer_stalled\" service=~\"train.*\"; operators = != =~ !~. Labels are those of the alert, and name, severity, class."`
	For      time.Duration `help:"How long." default:"2h"`
	Start    time.Time     `help:"From when on (RFC 3339); now by default."`
	By       string        `help:"Who silences; by default you." placeholder:"NAME"`
	Comment  string        `help:"Why." required:"" short:"m"`
	ID       string        `help:"Replace the silence with this ID, for example to make it longer." placeholder:"ID"`
}

// Run implements the command.
func (a *SilenceAdd) Run(ctx context.Context, out Output, s *Silence) error {
	if a.For <= 0 {
		return errors.New("--for: must be positive")
	}
	start := a.Start
	if start.IsZero() {
		start = time.Now()
	}
	got, err := askMonitor[monitor.Silence](ctx, s.NATS, monitor.VerbSilence, monitor.Silence{
		ID: a.ID, Matchers: a.Matchers, Start: start, End: start.Add(a.For), Author: me(a.By), Comment: a.Comment,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Out, "silence %s is %s: %s until %s\n", got.ID, got.State, strings.Join(got.Matchers, ", "), got.End.Format(time.RFC3339))
	return nil
}

// SilenceList lists silences.
type SilenceList struct {
	JSON bool `help:"Print JSON, one silence a line."`
}

// Run implements the command.
func (l *SilenceList) Run(ctx context.Context, out Output, s *Silence) error {
	list, err := askMonitor[[]monitor.Silence](ctx, s.NATS, monitor.VerbSilences, nil)
	if err != nil {
		return err
	}
	if l.JSON {
		return writeJSON(out.Out, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(out.Out, "no silences")
		return nil
	}
	t := newTable(out.Out, "id", "state", "matchers", "from", "until", "by", "comment")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "matchers", WidthMax: 60}, {Name: "comment", WidthMax: 40}})
	for _, x := range list {
		t.AppendRow(table.Row{x.ID, x.State, strings.Join(x.Matchers, ", "), x.Start.Format(time.DateTime), x.End.Format(time.DateTime), x.Author, x.Comment})
	}
	t.Render()
	return nil
}

// SilenceExpire ends a silence.
type SilenceExpire struct {
	ID string `arg:"" help:"ID of the silence, as list shows it."`
}

// Run implements the command.
func (e *SilenceExpire) Run(ctx context.Context, out Output, s *Silence) error {
	got, err := askMonitor[monitor.Silence](ctx, s.NATS, monitor.VerbExpire, monitor.Silence{ID: e.ID})
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Out, "silence %s ended at %s\n", got.ID, got.End.Format(time.RFC3339))
	return nil
}
