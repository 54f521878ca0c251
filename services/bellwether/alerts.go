package bellwether

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/monitor"
)

// Alerts is about alerts.
type Alerts struct {
	Connection `embed:""`

	Follow  AlertsFollow  `cmd:"" default:"withargs" help:"Print open alerts as the record has them, then follow new ones; what alerts does alone."`
	List    AlertsList    `cmd:"" help:"List open alerts as the monitor has them, told or held back."`
	Show    AlertsShow    `cmd:"" help:"Show one open alert with its evidence."`
	Ack     AlertsAck     `cmd:"" help:"Say that you take care of an alert: it is told no more until it resolves."`
	Explain AlertsExplain `cmd:"" help:"Say why subscribers are told of an open alert, or why not."`
}

// AlertsFollow prints alerts as they happen.
type AlertsFollow struct {
	Follow bool `help:"Go on printing transitions as they happen." default:"true" negatable:""`
	JSON   bool `help:"Print JSON, one alert a line."`
}

// Run implements the command.
func (a *AlertsFollow) Run(ctx context.Context, out Output, c *Alerts) error {
	if err := a.open(ctx, out, c); err != nil {
		if !a.Follow {
			return err
		}
		// The bus may have something to say about it.
		fmt.Fprintln(out.Err, "bellwether: open alerts are not known:", err)
	}
	if !a.Follow {
		return nil
	}
	bus, err := c.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	err = bus.Follow(ctx, natsio.FollowOptions{Stream: wire.StreamAlert, Subjects: []string{wire.AllAlerts}, From: natsio.FromNew}, func(m stage.Message) error {
		alert, err := wire.DecodeAlert(m.Data)
		if err != nil || alert.Name == event.Watchdog {
			return err
		}
		return a.print(out.Out, alert)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *AlertsFollow) open(ctx context.Context, out Output, c *Alerts) error {
	store, err := c.store(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	open, err := store.OpenAlerts(ctx)
	if err != nil {
		return err
	}
	if len(open) == 0 && !a.JSON {
		fmt.Fprintln(out.Out, "no open alerts")
	}
	for _, alert := range open {
		if err := a.print(out.Out, alert); err != nil {
			return err
		}
	}
	return nil
}

func (a *AlertsFollow) print(w io.Writer, alert event.Alert) error {
	if a.JSON {
		m, err := wire.EncodeAlert(alert)
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", m.Data)
		}
		return err
	}
	_, err := fmt.Fprintln(w, alertLine(alert))
	return err
}

// alertLine is an alert in one line for people.
func alertLine(a event.Alert) string {
	return fmt.Sprintf("%s  %-8s %-8s %s: %s (%s)", a.At.UTC().Format(time.TimeOnly), a.State, a.Severity, a.Name, a.Summary, a.Cause)
}

// askMonitor asks the replica of the monitor that watches.
func askMonitor[Out any](ctx context.Context, cfg natsio.Config, verb string, in any) (Out, error) {
	var out Out
	bus, err := Connection{NATS: cfg}.bus(ctx)
	if err != nil {
		return out, err
	}
	defer bus.Close()
	request, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	// A request goes to any replica; those that stand by say so.
	const tries = 20
	for n := 1; ; n++ {
		data, err := bus.Request(ctx, wire.Control(event.Monitor, verb), request)
		var answer *natsio.ServiceError
		switch {
		case errors.Is(err, natsio.ErrNotFound):
			return out, fmt.Errorf("%w; is the monitor up? bellwether status shows", err)
		case errors.As(err, &answer) && strings.Contains(answer.Description, monitor.StandingBy) && n < tries:
			select {
			case <-ctx.Done():
				return out, ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
			continue
		case err != nil:
			return out, err
		}
		if err := json.Unmarshal(data, &out); err != nil {
			return out, fmt.Errorf("%s: answer %q: %w", verb, data, err)
		}
		return out, nil
	}
}

// me is who acts, unless told otherwise.
func me(given string) string {
	if given != "" {
		return given
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// labelLine returns labels as a=1, b=2.
func labelLine(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k+"="+labels[k])
	}
	return strings.Join(parts, ", ")
}

// AlertsList lists open alerts.
type AlertsList struct {
	JSON bool `help:"Print JSON, one alert a line."`
}

// Run implements the command.
func (l *AlertsList) Run(ctx context.Context, out Output, a *Alerts) error {
	list, err := askMonitor[[]monitor.AlertStatus](ctx, a.NATS, monitor.VerbAlerts, nil)
	if err != nil {
		return err
	}
	if l.JSON {
		return writeJSON(out.Out, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(out.Out, "no open alerts")
		return nil
	}
	t := newTable(out.Out, "fingerprint", "since", "state", "severity", "name", "summary", "told")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "summary", WidthMax: 60}})
	for _, x := range list {
		t.AppendRow(table.Row{x.Fingerprint, x.StartedAt.Format(time.DateTime), x.State, x.Severity, x.Name, x.Summary, yesNo(x.Told)})
	}
	t.Render()
	return nil
}

func writeJSON[T any](w io.Writer, list []T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, x := range list {
		if err := enc.Encode(x); err != nil {
			return err
		}
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// AlertsShow shows an alert.
type AlertsShow struct {
	Alert string `arg:"" help:"Fingerprint of an open alert, the beginning of one, or the ID of the occurrence."`
}

// Run implements the command.
func (s *AlertsShow) Run(ctx context.Context, out Output, a *Alerts) error {
	x, err := askMonitor[monitor.Explanation](ctx, a.NATS, monitor.VerbExplain, monitor.ExplainRequest{Alert: s.Alert})
	if err != nil {
		return err
	}
	showAlert(out.Out, x.Alert)
	return nil
}

func showAlert(w io.Writer, x monitor.AlertStatus) {
	for _, line := range [][2]string{
		{"alert", x.Name},
		{"fingerprint", x.Fingerprint},
		{"occurrence", fmt.Sprintf("%s, since %s, %d events", x.ID, x.StartedAt.Format(time.RFC3339), x.Events)},
		{"state", strings.TrimSuffix(string(x.State)+": "+x.Reason, ": ")},
		{"severity", string(x.Severity) + ", " + string(x.Class)},
		{"labels", labelLine(x.Labels)},
		{"summary", x.Summary},
		{"cause", x.Cause},
		{"runbook", x.Runbook},
	} {
		fmt.Fprintf(w, "%-12s %s\n", line[0], line[1])
	}
	for _, e := range x.Evidence {
		fmt.Fprintf(w, "%-12s %s\n", e.Kind, e.Text)
	}
}

// AlertsAck acknowledges an alert.
type AlertsAck struct {
	Alert   string `arg:"" help:"Fingerprint of an open alert, the beginning of one, or the ID of the occurrence."`
	By      string `help:"Who takes care of it; by default you." placeholder:"NAME"`
	Comment string `help:"What others should know." short:"m"`
}

// Run implements the command.
func (k *AlertsAck) Run(ctx context.Context, out Output, a *Alerts) error {
	x, err := askMonitor[monitor.AlertStatus](ctx, a.NATS, monitor.VerbAck, monitor.AckRequest{Alert: k.Alert, By: me(k.By), Comment: k.Comment})
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Out, "%s %s: %s\n", x.Name, x.ID, x.Reason)
	return nil
}

// AlertsExplain explains an alert.
type AlertsExplain struct {
	Alert string    `arg:"" help:"Fingerprint of an open alert, the beginning of one, or the ID of the occurrence."`
	At    time.Time `help:"As of when silences and mute windows are asked (RFC 3339); now by default."`
	JSON  bool      `help:"Print JSON."`
}

// Run implements the command.
func (e *AlertsExplain) Run(ctx context.Context, out Output, a *Alerts) error {
	x, err := askMonitor[monitor.Explanation](ctx, a.NATS, monitor.VerbExplain, monitor.ExplainRequest{Alert: e.Alert, At: e.At})
	if err != nil {
		return err
	}
	if e.JSON {
		return writeJSON(out.Out, []monitor.Explanation{x})
	}
	explain(out.Out, x)
	return nil
}

func explain(w io.Writer, x monitor.Explanation) {
	fmt.Fprintf(w, "%s {%s} %s, at %s\n", x.Alert.Name, labelLine(x.Alert.Labels), x.Alert.State, x.At.Format(time.RFC3339))
	for _, s := range x.Steps {
		mark := " "
		if s.Decides {
			mark = "*"
		}
		fmt.Fprintf(w, "%s %-16s %s\n", mark, s.Question, s.Answer)
	}
	for _, t := range x.Teams {
		fmt.Fprintf(w, "  receiver %s, group %s: told %s, held back %s, waiting for delivery %s, looked at next %s\n",
			t.Receiver, t.Group, yesNo(t.Told), yesNo(t.Held), yesNo(t.Waiting), t.Next.Format(time.RFC3339))
	}
}
