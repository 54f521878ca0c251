package bellwether

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

// Sources looks at where observations come from.
type Sources struct {
	Check  SourcesCheck  `cmd:"" help:"Check a file of sources, and fetch from each without keeping anything."`
	List   SourcesList   `cmd:"" help:"List the sources of a file, or those of the running ingestor."`
	Schema SourcesSchema `cmd:"" help:"Print the JSON schema of the file of sources."`
}

// SourcesCheck checks a file of sources.
type SourcesCheck struct {
	File  string        `arg:"" optional:"" help:"File of sources." env:"BELLWETHER_SOURCES" type:"path"`
	Fetch bool          `help:"Fetch from each source what it has of the last week (of a file: all), without keeping anything." default:"true" negatable:""`
	Only  []string      `help:"Names of the sources to fetch from; all by default."`
	Wait  time.Duration `help:"Longest time to fetch from one source." default:"2m"`
}

// errSources says that a source did not pass.
var errSources = errors.New("not all sources are well")

// Run implements the command.
func (c *SourcesCheck) Run(ctx context.Context, out Output) error {
	if c.File == "" {
		return errors.New("sources: no file given; name one, or set BELLWETHER_SOURCES")
	}
	f, err := ingestor.LoadFile(c.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Out, "%s: %d sources, no field is wrong\n", c.File, len(f.Sources))
	if !c.Fetch {
		return nil
	}
	chosen, err := c.choose(f)
	if err != nil {
		return err
	}
	sick := 0
	for _, s := range chosen {
		fmt.Fprintf(out.Err, "%s: fetching\n", s.Name)
		limited, cancel := context.WithTimeout(ctx, c.Wait)
		found := ingestor.Check(limited, s, ingestor.Deps{})
		cancel()
		if found.Err != nil || len(found.Unknown) > 0 {
			sick++
		}
		printChecked(out.Out, found)
	}
	if sick > 0 {
		return fmt.Errorf("%d of %d: %w", sick, len(chosen), errSources)
	}
	return nil
}

func (c *SourcesCheck) choose(f ingestor.File) ([]ingestor.Spec, error) {
	if len(c.Only) == 0 {
		return f.Sources, nil
	}
	var chosen []ingestor.Spec
	var names []string
	for _, s := range f.Sources {
		names = append(names, s.Name)
	}
	for _, want := range c.Only {
		found := false
		for _, s := range f.Sources {
			if s.Name == want {
				chosen, found = append(chosen, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("only: %q is not a source of %s; use %s", want, c.File, strings.Join(names, ", "))
		}
	}
	return chosen, nil
}

func printChecked(w io.Writer, c ingestor.Checked) {
	switch {
	case c.Err != nil:
		fmt.Fprintf(w, "%s: FAILED: %v\n", c.Name, c.Err)
		return
	case c.Note != "":
		fmt.Fprintf(w, "%s: %s\n", c.Name, c.Note)
		return
	}
	fmt.Fprintf(w, "%s: %d rows in %s", c.Name, c.Rows, c.Took.Round(time.Millisecond))
	if !c.Newest.IsZero() {
		fmt.Fprintf(w, ", newest value %s", c.Newest.Format(time.RFC3339))
	}
	fmt.Fprintln(w)
	for _, s := range c.Sample {
		fmt.Fprintf(w, "  %s  %s  %g %s\n", s.Series, s.Obs.TS.Format(time.RFC3339), s.Obs.Value, s.Unit)
	}
	for _, x := range []struct {
		text string
		keys []string
	}{
		{"not known to the source; remove them or correct their spelling", c.Unknown},
		{"without a value", c.Silent},
		{"with a newest value older than expected; see lag", c.Late},
	} {
		if len(x.keys) > 0 {
			fmt.Fprintf(w, "  %d series %s: %s\n", len(x.keys), x.text, some(x.keys))
		}
	}
	if c.Bad > 0 {
		fmt.Fprintf(w, "  %d rows cannot be read, %d of them could not be prepared; the first: %s\n", c.Bad, c.Failed, c.Example)
	}
}

// some returns the first of names, and how many there are more.
func some(names []string) string {
	const shown = 8
	if more := len(names) - shown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), more)
	}
	return strings.Join(names, ", ")
}

// SourcesList lists sources.
type SourcesList struct {
	Connection `embed:""`
	File       string `arg:"" optional:"" help:"File of sources; without one the running ingestor is asked." type:"path"`
	JSON       bool   `help:"Print JSON."`
}

// Run implements the command.
func (l *SourcesList) Run(ctx context.Context, out Output) error {
	list, err := l.sources(ctx)
	if err != nil {
		return err
	}
	if l.JSON {
		return json.NewEncoder(out.Out).Encode(list)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"source", "kind", "series", "unit", "poll", "expected age", "steps", "reads"})
	for _, s := range list {
		series := any(s.Series)
		if s.Series == 0 {
			series = "any"
		}
		t.AppendRow(table.Row{s.Name, s.Kind, series, s.Unit, s.Poll, s.Expected, s.Steps, s.Reads})
	}
	fmt.Fprintln(out.Out, t.Render())
	return nil
}

func (l *SourcesList) sources(ctx context.Context) ([]ingestor.Summary, error) {
	if l.File != "" {
		f, err := ingestor.LoadFile(l.File)
		return f.Summaries(), err
	}
	bus, err := l.bus(ctx)
	if err != nil {
		return nil, err
	}
	defer bus.Close()
	data, err := bus.Request(ctx, wire.Control(event.Ingestor, "sources"), nil)
	if err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	var list []ingestor.Summary
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("sources: answer %q: %w", data, err)
	}
	return list, nil
}

// SourcesSchema prints the JSON schema.
type SourcesSchema struct{}

// Run implements the command.
func (SourcesSchema) Run(out Output) error {
	_, err := out.Out.Write(ingestor.Schema)
	return err
}
