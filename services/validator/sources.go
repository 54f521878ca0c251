package validator

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// CodeSilent is the code of the event that a source has stopped to report while others go on.
const CodeSilent = "source_silent"

// rhythmWindow is how far back the rhythm of a source is read from the record: a week of hours, and daily sources for as
// long as the check needs.
const rhythmWindow = 35 * 24 * time.Hour

// sources are the rhythms of all sources that report to this process.
type sources struct {
	quiet   check.Quiet
	rhythms map[string]*check.Rhythm // nil until it is read what the record knows of them
}

func newSources(cfg Config) sources {
	return sources{quiet: check.Quiet{Factor: cfg.SilenceFactor, Least: 3 * time.Hour, Need: 24}}
}

// listen learns the rhythms of all sources from the record, unless that is done. Backfills say nothing about the present.
func (h *Handler) listen(ctx context.Context, b series.Batch) error {
	if h.sources.rhythms != nil || b.Origin != series.Refresh {
		return nil
	}
	reports, err := h.history.SourceReports(ctx, b.KnownAt.Add(-rhythmWindow))
	if err != nil {
		return fmt.Errorf("read rhythms: %w", err)
	}
	h.sources.rhythms = make(map[string]*check.Rhythm, len(reports))
	for source, times := range reports {
		r := &check.Rhythm{}
		for _, at := range times {
			if at.Before(b.KnownAt) {
				h.sources.quiet.Heard(r, at)
			}
		}
		h.sources.rhythms[source] = r
	}
	return nil
}

// silent notes that the source of b reported, and returns an event for each source that fell silent or speaks again.
// Backfills say nothing about the present.
func (h *Handler) silent(b series.Batch, in stage.Message) []stage.Message {
	if b.Origin != series.Refresh {
		return nil
	}
	own, ok := h.sources.rhythms[b.Series.Source]
	if !ok {
		own = &check.Rhythm{}
		h.sources.rhythms[b.Series.Source] = own
	}
	var out []stage.Message
	if h.sources.quiet.Heard(own, b.KnownAt) {
		out = append(out, h.silence(in, b.KnownAt, b.Series.Source, event.Cleared, "source "+b.Series.Source+" reports again"))
	}
	for name, r := range h.sources.rhythms {
		if name == b.Series.Source {
			continue
		}
		if f, quiet := h.sources.quiet.Check(r, name, b.KnownAt); quiet {
			out = append(out, h.silence(in, b.KnownAt, name, event.Raised, f.Detail))
		}
	}
	return out
}

func (h *Handler) silence(in stage.Message, at time.Time, source string, c event.Condition, text string) stage.Message {
	severity := event.Warning
	if c == event.Cleared {
		severity = event.Info
	}
	return wire.EncodeEvent(event.Event{
		ID: in.ID + "." + CodeSilent + "." + wire.Token(source) + "." + string(c), Service: event.Validator, Instance: h.cfg.Instance, At: at,
		Error: &event.Error{Class: event.DataIntegrity, Code: CodeSilent, Subject: source, Condition: c, Severity: severity, Message: text},
	})
}
