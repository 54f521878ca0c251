package ingestor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Codes of the error events that a refresh raises and clears. Their subject is the name of the source.
const (
	CodeUnavailable = "upstream_unavailable"  // data integrity: no answer, or none that can be used, after all attempts
	CodeSchema      = "upstream_schema"       // data integrity: fields are missing or have another type
	CodeRejected    = "upstream_rejected"     // data integrity: the source says the request is wrong
	CodeConfig      = "bad_configuration"     // operational: API key, area or file
	CodeStep        = "transformation_failed" // data integrity: a step could not be done to some rows; the input is attached
)

// code is one way in which a source fails.
type code struct {
	kind     error
	class    event.Class
	name     string
	severity event.Severity
}

func codes() []code {
	return []code{
		{ErrConfig, event.Operational, CodeConfig, event.Critical},
		{ErrSchema, event.DataIntegrity, CodeSchema, event.Critical},
		{ErrRejected, event.DataIntegrity, CodeRejected, event.Critical},
		{ErrUnavailable, event.DataIntegrity, CodeUnavailable, event.Warning},
	}
}

// distinct leaves out errors that say the same: what is wrong with the whole source goes wrong for every series.
func distinct(errs []error) []error {
	var out []error
	seen := map[string]bool{}
	for _, err := range errs {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}

// finish writes the line of the refresh log, reports, and returns the run with everything that went wrong. broken is
// trouble with our own bus and store.
func (r *Runner) finish(
	ctx context.Context, run *run, cursors map[string]cursor, broken error,
) (record.IngestRun, error) {
	if ctx.Err() != nil {
		return run.record, fmt.Errorf("refresh %s: %w", run.id, errors.Join(broken, ctx.Err()))
	}
	rec := &run.record
	rec.FinishedAt = r.deps.Now().UTC()
	rec.Series = cmp.Or(rec.Series, uint32(max(len(r.keys), len(cursors))))
	rec.Status = "ok"
	err := errors.Join(append(distinct(run.errs), broken)...)
	if broken != nil {
		rec.Status, rec.ErrorClass, rec.Error = "failed", string(event.Infrastructure), broken.Error()
	}
	for _, c := range codes() {
		if text := run.trouble(c.kind); text != "" && rec.Status == "ok" {
			rec.Status, rec.ErrorClass, rec.Error = "failed", string(c.class), text
		}
	}
	r.metrics.observe(*rec)
	r.logRun(*rec)
	if werr := r.deps.Sink.Write(ctx, rec.RunID, []stage.Row{*rec}); werr != nil {
		err = errors.Join(err, fmt.Errorf("write refresh log: %w", werr))
	}
	if rerr := r.report(ctx, run, cursors, broken != nil); rerr != nil {
		err = errors.Join(err, rerr)
	}
	if err != nil {
		return *rec, fmt.Errorf("refresh %s: %w", run.id, err)
	}
	return *rec, nil
}

// report raises what stands, clears what does not, and tells the age of every series' data.
func (r *Runner) report(ctx context.Context, run *run, cursors map[string]cursor, broken bool) error {
	var errs []error
	for _, c := range codes() {
		e := event.Error{Class: c.class, Code: c.name, Subject: r.spec.Name, Severity: c.severity}
		e.Message = run.trouble(c.kind)
		if c.name == CodeSchema && e.Message == "" && len(run.schema) > 0 {
			e.Message, e.Attributes = run.schemaMessage(), map[string]string{
				"rows": strconv.Itoa(len(run.schema)), "payload": shorten(run.schema[0].Payload),
			}
		}
		errs = append(errs, r.say(ctx, e, broken))
	}
	errs = append(errs, r.say(ctx, run.stepFailure(r.spec.Name), broken))
	errs = append(errs, r.reportLag(ctx, run, cursors))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// say raises e when it has a message, and clears it otherwise. When the run ended early because of our own bus or store,
// what was not seen may still stand.
func (r *Runner) say(ctx context.Context, e event.Error, broken bool) error {
	switch {
	case e.Message != "":
		return r.deps.Reporter.Raise(ctx, e)
	case !broken:
		return r.deps.Reporter.Clear(ctx, e)
	}
	return nil
}

// stepFailure returns the event of the steps that could not be done, without a message when all could.
func (r *run) stepFailure(src string) event.Error {
	e := event.Error{Class: event.DataIntegrity, Code: CodeStep, Subject: src, Severity: event.Warning}
	if len(r.failed) == 0 {
		return e
	}
	first := r.failed[0]
	e.Message = fmt.Sprintf("%d rows could not be prepared; the first: %s of %s at %s: %s", len(r.failed), first.Step, first.key, first.Period, first.Reason)
	e.Attributes = map[string]string{
		"rows": strconv.Itoa(len(r.failed)), "step": first.Step, "series": first.key, "period": first.Period, "payload": first.Input[:min(len(first.Input), maxPayload)],
	}
	return e
}

// reportLag tells the age of the newest value of every series that ever had one.
func (r *Runner) reportLag(ctx context.Context, run *run, cursors map[string]cursor) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for key, c := range cursors {
		if c.Observed.IsZero() {
			continue
		}
		group.Go(func() error {
			return r.deps.Reporter.Lag(ctx, event.Lag{
				Series: r.id(key), DataAge: c.age(run.asOf), ExpectedAge: r.spec.expected(key),
			})
		})
	}
	return group.Wait()
}

func (r *run) schemaMessage() string {
	return fmt.Sprintf("%d rows lack fields we know; the first: %s", len(r.schema), r.schema[0].Reason)
}

func shorten(s string) string { return s[:min(len(s), 300)] }

func (r *Runner) logRun(rec record.IngestRun) {
	fields := []zap.Field{
		zap.String("run_id", rec.RunID), zap.String("origin", rec.Origin), zap.Time("as_of", rec.AsOf),
		zap.Duration("took", rec.FinishedAt.Sub(rec.StartedAt)), zap.Uint32("pages", rec.Pages),
		zap.Uint64("rows_fetched", rec.Fetched), zap.Uint64("rows_new", rec.New), zap.Uint64("rows_revised", rec.Revised),
		zap.Uint64("rows_malformed", rec.Malformed),
	}
	if rec.Status != "ok" {
		// The error itself travels on to the caller, who logs it.
		r.deps.Log.Debug("refresh failed", append(fields, zap.String("class", rec.ErrorClass))...)
		return
	}
	r.deps.Log.Info("refreshed", fields...)
}
