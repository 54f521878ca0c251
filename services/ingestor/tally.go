package ingestor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// run counts what one refresh does. It is safe for concurrent use.
type run struct {
	id   string
	asOf time.Time

	mu     sync.Mutex
	record record.IngestRun
	errs   []error            // trouble with the source
	locked bool               // the source does not accept our key
	schema []series.Malformed // rows that lack a field, or belong to nobody
	failed []failure          // steps that could not be done

	once       sync.Once
	missing    []string
	missingErr error
}

// failure is a step that could not be done to a row of a series.
type failure struct {
	source.Failure
	key string
}

func newRun(src string, asOf, started time.Time) *run {
	// The start tells two runs with the same asOf apart: a replay may be repeated.
	id := fmt.Sprintf("%s-%s-%x", src, asOf.Format("20060102T150405Z"), started.UnixMilli())
	return &run{id: id, asOf: asOf, record: record.IngestRun{
		RunID: id, Source: src, Origin: "refresh", AsOf: asOf, StartedAt: started,
	}}
}

func (r *run) isBackfill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record.Origin = "backfill"
}

func (r *run) fetched(f Fetched) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record.Pages += uint32(f.Pages)
	r.record.Fetched += uint64(f.Count)
	r.record.Malformed += uint64(len(f.Stray))
	r.schema = append(r.schema, f.Stray...)
	for _, key := range slices.Sorted(maps.Keys(f.Keys)) {
		rows := f.Keys[key]
		if rows.Schema > 0 {
			r.schema = append(r.schema, rows.Malformed...)
		}
		for _, x := range rows.Failed {
			r.failed = append(r.failed, failure{x, key})
		}
	}
}

func (r *run) published(n news) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record.New += uint64(n.fresh)
	r.record.Revised += uint64(n.revised)
	r.record.Missing += uint64(n.missing)
	r.record.Malformed += uint64(len(n.malformed))
}

// sift keeps trouble with the source and returns nil for it, and returns any other error.
func (r *run) sift(err error) error {
	if !isSource(err) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.locked = r.locked || errors.Is(err, source.ErrKey)
	r.errs = append(r.errs, err)
	return nil
}

// lockedOut reports whether asking the source has become pointless.
func (r *run) lockedOut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.locked
}

// unknown calls ask once and remembers its answer.
func (r *run) unknown(ask func() ([]string, error)) ([]string, error) {
	r.once.Do(func() { r.missing, r.missingErr = ask() })
	return r.missing, r.missingErr
}

// trouble returns the different errors of one kind as one line, or "".
func (r *run) trouble(kind error) string {
	var lines []string
	for _, err := range distinct(r.errs) {
		if errors.Is(err, kind) {
			lines = append(lines, err.Error())
		}
	}
	const shown = 5
	if more := len(lines) - shown; more > 0 {
		lines = append(lines[:shown], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// publishError is trouble with the bus.
type publishError struct {
	n   int
	err error
}

func (e *publishError) Error() string { return fmt.Sprintf("publish %d messages: %v", e.n, e.err) }
func (e *publishError) Unwrap() error { return e.err }
