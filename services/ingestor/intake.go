package ingestor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/inbox"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// intake is the state of a source that is sent observations. The turn of its runner guards it.
type intake struct {
	run    *run              // what came since the last line of the refresh log
	seen   map[string]cursor // cursors of all series known, for their age; nil before they are loaded
	listed []string          // keys of a source that takes every key, as they are saved: sorted
}

// Taken is what became of observations that were sent.
type Taken struct {
	RunID        string `json:"run_id"` // of the line of the refresh log that will count them
	Series       int    `json:"series"`
	Observations int    `json:"observations"`
	New          int    `json:"new"`
	Revised      int    `json:"revised"`
	Unchanged    int    `json:"unchanged"`          // the source had said the same before: not published again
	Repeated     bool   `json:"repeated,omitempty"` // this very request was answered before, and this is that answer
}

// terms returns what the source takes.
func (r *Runner) terms() (inbox.Terms, error) {
	var when TimeSpec
	switch r.spec.Kind {
	case KindPush:
		when = r.spec.Push.Time
	case KindNATS:
		when = r.spec.NATS.Time
	}
	format, err := when.format()
	return inbox.Terms{Time: format, Step: step, Has: r.has, Unit: r.spec.inputUnit}, err
}

func (r *Runner) has(key string) bool { return r.keys == nil || r.known[key] }

// inputUnit returns the unit in which values of a series come.
func (s *Spec) inputUnit(key string) string {
	for _, x := range s.Steps {
		if c := x.Convert; c != nil && (len(c.Only) == 0 || slices.Contains(c.Only, key)) {
			return c.From
		}
	}
	return s.Unit
}

// Take brings the observations of a body onto the bus and returns when the bus has stored them: those that say something
// new, in order of time. An error of type inbox.Errors says what is wrong with the body. After any other error the
// sender repeats it; what was stored already is not said twice.
//
// name identifies the request: the same name with the same body is answered once and remembered. Empty remembers nothing.
func (r *Runner) Take(ctx context.Context, name string, body []byte) (Taken, error) {
	terms, err := r.terms()
	if err != nil {
		return Taken{}, err
	}
	rows, err := inbox.Decode(body, terms)
	if err != nil {
		return Taken{}, err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return Taken{}, err
	}
	defer unlock()
	past, err := r.remembered(ctx, name, body)
	if err != nil {
		return Taken{}, err
	}
	if past.answer != nil {
		return *past.answer, nil
	}
	taken, err := r.take(ctx, rows)
	if err != nil {
		return taken, err
	}
	return taken, past.remember(ctx, taken)
}

func (r *Runner) take(ctx context.Context, rows map[string]source.Rows) (Taken, error) {
	if err := r.recall(ctx); err != nil {
		return Taken{}, err
	}
	keys := slices.Sorted(maps.Keys(rows))
	loaded, err := r.loadCursors(ctx, keys)
	if err != nil {
		return Taken{}, err
	}
	cursors := make(map[string]cursor, len(keys))
	for i, key := range keys {
		cursors[key] = loaded[i]
	}
	run := r.openRun()
	f := Fetched{Keys: r.steps.Apply(rows, keys), Pages: 1}
	taken := Taken{RunID: run.id, Series: len(keys)}
	for _, k := range rows {
		f.Count += len(k.Obs)
	}
	said, err := r.publishNews(ctx, run, cursors, keys, f)
	if err != nil {
		return taken, err
	}
	run.fetched(f)
	taken.Observations, taken.New, taken.Revised = f.Count, said.fresh, said.revised
	taken.Unchanged = f.Count - said.fresh - said.revised
	maps.Copy(r.intake.seen, cursors)
	return taken, r.list(ctx, keys)
}

// openRun returns the run that counts what comes now. It is stamped with the time of what comes.
func (r *Runner) openRun() *run {
	now := r.deps.Now().UTC().Truncate(time.Millisecond)
	if r.intake.run == nil {
		r.intake.run = newRun(r.spec.Name, now, now)
	}
	r.intake.run.asOf, r.intake.run.record.AsOf = now, now
	return r.intake.run
}

// origin says why a series has news: a history that is handed in late is a backfill, and the end of one.
func (r *Runner) origin(c cursor, n news, asOf time.Time) series.Origin {
	if r.spec.pulled() || len(n.obs) == 0 {
		return series.Refresh
	}
	if newest := n.obs[len(n.obs)-1].TS; c.Last.IsZero() || newest.Before(asOf.Add(-r.spec.Repull)) {
		return series.Backfill
	}
	return series.Refresh
}

// Flush writes the line of the refresh log of what was taken since the last one, and reports the age of every series.
func (r *Runner) Flush(ctx context.Context) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.recall(ctx); err != nil {
		return err
	}
	if _, err = r.finish(ctx, r.openRun(), r.intake.seen, nil); err != nil {
		return err // what it counts is in the next line
	}
	r.intake.run = nil
	return nil
}

// recall loads the cursors of the series that are known, so that one that has fallen silent is missed after a restart.
func (r *Runner) recall(ctx context.Context) error {
	if r.intake.seen != nil {
		return nil
	}
	keys := r.keys
	if keys == nil {
		data, err := r.deps.Cursors.Get(ctx, r.stateKey(""))
		if err != nil {
			return fmt.Errorf("series of %s: %w", r.spec.Name, err)
		}
		if len(data) > 0 {
			if err := json.Unmarshal(data, &r.intake.listed); err != nil {
				return fmt.Errorf("series of %s: %w", r.spec.Name, err)
			}
		}
		keys = r.intake.listed
	}
	loaded, err := r.loadCursors(ctx, keys)
	if err != nil {
		return err
	}
	r.intake.seen = make(map[string]cursor, len(keys))
	for i, key := range keys {
		r.intake.seen[key] = loaded[i]
	}
	return nil
}

// list saves the keys of a source that takes every key when there are new ones.
func (r *Runner) list(ctx context.Context, keys []string) error {
	unlisted := func(key string) bool {
		_, there := slices.BinarySearch(r.intake.listed, key)
		return !there
	}
	if r.keys != nil || !slices.ContainsFunc(keys, unlisted) {
		return nil
	}
	all := slices.Sorted(maps.Keys(r.intake.seen))
	data, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("series of %s: %w", r.spec.Name, err)
	}
	if err := r.deps.Cursors.Put(ctx, r.stateKey(""), data); err != nil {
		return fmt.Errorf("series of %s: %w", r.spec.Name, err)
	}
	r.intake.listed = all
	return nil
}

// forget drops what is known of the series: another replica may have taken observations meanwhile.
func (r *Runner) forget(ctx context.Context) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	r.intake = intake{}
	return nil
}

// receive flushes at every Poll until ctx is done, and once more then.
func (r *Runner) receive(ctx context.Context) error {
	t := time.NewTicker(r.spec.Poll)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			r.tryFlush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			r.tryFlush(last)
			return nil
		}
	}
}

// tryFlush flushes, and logs what came of it.
func (r *Runner) tryFlush(ctx context.Context) {
	if err := r.Flush(ctx); err != nil && ctx.Err() == nil {
		r.deps.Log.Error("refresh log not written", zap.String("source", r.spec.Name), zap.Error(err))
	}
}
