package bellwether

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

// Backfill asks the running ingestor for a part of the history.
//
// The ingestor works on it a few seconds at a time and remembers what is filled; this command repeats the request until
// nothing is left. So either side may be killed, and the same command goes on where it ended.
type Backfill struct {
	Connection `embed:""`
	Source     string        `required:"" help:"Source to ask; bellwether sources list names them." placeholder:"NAME"`
	Series     []string      `help:"Keys of the series; all of the source by default." placeholder:"KEY"`
	From       string        `required:"" help:"First period: 2023-01-01, 2023-01-01T05, or RFC 3339. UTC." placeholder:"TIME"`
	To         string        `required:"" help:"Last period, the whole day when no hour is given." placeholder:"TIME"`
	Again      bool          `help:"Fetch what was filled before once more."`
	Patience   time.Duration `help:"How long to try again while the ingestor or its source does not answer." default:"10m"`
}

// answerWait is longer than the ingestor works on one request whose source answers. A request that is asked again
// meanwhile waits for the first.
const answerWait = 45 * time.Second

// Run implements the command.
func (b *Backfill) Run(ctx context.Context, out Output) error {
	from, _, ferr := parsePeriod("from", b.From)
	to, day, terr := parsePeriod("to", b.To)
	if err := errors.Join(ferr, terr); err != nil {
		return err
	}
	if day {
		to = to.Add(23 * time.Hour)
	}
	bus, err := b.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	bar := newBar(out.Err, "backfill of "+b.Source)
	defer bar.stop()
	total, err := b.work(ctx, bus, bar, ingestor.BackfillRequest{Source: b.Source, Series: b.Series, From: from, To: to, Again: b.Again})
	bar.stop()
	if err != nil {
		if total.Hours > 0 {
			err = fmt.Errorf("%w; %d of %d hours are filled: the same command without --again goes on", err, total.Done, total.Hours)
		}
		return err
	}
	fmt.Fprintf(out.Out, "%d hours of %d series of %s are filled: %d rows fetched, %d published, %d revised, %d without a value, %d malformed\n",
		total.Done, total.Series, b.Source, total.Fetched, total.New, total.Revised, total.Missing, total.Malformed)
	return nil
}

// work repeats the request until all is filled, and adds up the answers.
func (b *Backfill) work(ctx context.Context, bus *natsio.Bus, bar *bar, req ingestor.BackfillRequest) (ingestor.Backfilled, error) {
	var total ingestor.Backfilled
	moved := time.Now()
	for {
		got, err := askOnce(ctx, bus, req)
		if errors.Is(err, stage.ErrPermanent) || ctx.Err() != nil {
			return total, errors.Join(err, ctx.Err())
		}
		if err == nil {
			req.Again = false // it is forgotten once
			if got.Done > total.Done || got.Done == got.Hours {
				moved = time.Now()
			}
			got.Fetched, got.New, got.Revised = got.Fetched+total.Fetched, got.New+total.New, got.Revised+total.Revised
			got.Missing, got.Malformed = got.Missing+total.Missing, got.Malformed+total.Malformed
			total = got
			bar.set(total.Done, total.Hours)
			if total.Done == total.Hours {
				return total, nil
			}
			if len(got.Errors) == 0 {
				continue
			}
			err = errors.New(got.Errors[0])
		}
		if time.Since(moved) > b.Patience {
			return total, err
		}
		bar.say(fmt.Sprintf("trying again: %v", err))
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
}

func askOnce(ctx context.Context, bus *natsio.Bus, req ingestor.BackfillRequest) (ingestor.Backfilled, error) {
	var out ingestor.Backfilled
	in, err := json.Marshal(req)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	data, err := bus.Request(ctx, wire.Control(event.Ingestor, "backfill"), in)
	if err != nil {
		return out, fmt.Errorf("backfill: %w", err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("backfill: answer %q: %w", data, err)
	}
	return out, nil
}

// parsePeriod reads a period, and reports whether it is a day without an hour.
func parsePeriod(flag, text string) (t time.Time, day bool, err error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15", "2006-01-02T15:04", time.RFC3339} {
		if t, err = time.Parse(layout, text); err == nil {
			return t.UTC(), layout == time.DateOnly, nil
		}
	}
	return t, false, fmt.Errorf("%s: %q is not a period; write 2023-01-01, 2023-01-01T05 or RFC 3339", flag, text)
}

// bar shows how far work is: a bar with the time left on a terminal, a line now and then elsewhere.
type bar struct {
	w       io.Writer
	name    string
	writer  progress.Writer // nil where there is no terminal
	tracker *progress.Tracker
	first   int // done before the start
	started bool
	printed time.Time
	begun   time.Time
	done    chan struct{}
}

func newBar(w io.Writer, name string) *bar {
	b := &bar{w: w, name: name}
	file, ok := w.(*os.File)
	if !ok {
		return b
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return b
	}
	b.writer = progress.NewWriter()
	b.writer.SetOutputWriter(w)
	b.writer.SetStyle(progress.StyleBlocks)
	b.writer.Style().Visibility.ETA = true
	b.writer.Style().Visibility.Percentage = true
	b.writer.SetUpdateFrequency(200 * time.Millisecond)
	return b
}

// set says that done of total is done. What was done before the first call does not count for the time left.
func (b *bar) set(done, total int) {
	if !b.started {
		b.started, b.first, b.begun = true, done, time.Now()
		if b.writer != nil {
			b.tracker = &progress.Tracker{Message: b.name + " (hours)", Total: int64(total - done)}
			b.writer.AppendTracker(b.tracker)
			b.done = make(chan struct{})
			go func() { b.writer.Render(); close(b.done) }()
		}
	}
	if b.tracker != nil {
		b.tracker.SetValue(int64(done - b.first))
		return
	}
	if time.Since(b.printed) < 5*time.Second && done < total {
		return
	}
	b.printed = time.Now()
	line := fmt.Sprintf("%s: %d of %d hours", b.name, done, total)
	if moved := done - b.first; moved > 0 && done < total {
		left := time.Duration(float64(time.Since(b.begun)) / float64(moved) * float64(total-done))
		line += ", about " + left.Round(time.Second).String() + " left"
	}
	fmt.Fprintln(b.w, line)
}

// say shows a line.
func (b *bar) say(line string) {
	if b.writer != nil && b.started {
		b.writer.Log("%s", line)
		return
	}
	fmt.Fprintln(b.w, line)
}

// stop ends the bar. It may be called again.
func (b *bar) stop() {
	if b.done == nil {
		return
	}
	if !b.tracker.IsDone() {
		b.tracker.MarkAsErrored()
	}
	b.writer.Stop()
	<-b.done
	b.done = nil
}
