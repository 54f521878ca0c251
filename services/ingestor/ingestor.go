// Package ingestor brings observations from a source onto the bus.
//
// A Runner refreshes all series of one source. The first refresh of a series is its backfill; later ones ask again for
// the last hours, because sources revise them, and publish only what is new or changed. What was seen is kept in a
// cursor for each series and saved after publishing, so that a crash repeats a publication and never loses one.
//
// The clock of a refresh is its asOf: it bounds what is asked for and becomes KnownAt of every batch.
package ingestor

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Kinds of trouble with a source; every error of a Source wraps one of them or comes from a context.
var (
	ErrUnavailable = source.ErrUnavailable // worth another try later
	ErrSchema      = source.ErrSchema      // the source answers in a shape we do not know
	ErrRejected    = source.ErrRejected    // the source understood and said no
	ErrConfig      = source.ErrConfig      // the operator must change something
)

// Window asks a Source for the rows of some keys with From <= period <= To.
type Window = source.Window

// Rows is what a Source reports for one key.
type Rows = source.Rows

// Fetched is the answer of a Source to a Window.
type Fetched = source.Fetched

// Source is a place to read observations from. It is safe for concurrent use.
type Source interface {
	// Fetch returns the rows with From <= period <= To of the keys, each period once. No rows is not an error.
	Fetch(ctx context.Context, w Window) (Fetched, error)
	// Unknown returns those of keys that the source does not have at all.
	Unknown(ctx context.Context, keys []string) ([]string, error)
}

// Cursors keeps one small value for each key. It is safe for concurrent use.
type Cursors interface {
	// Get returns the value last put, or nil when there is none.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put returns when the value is stored.
	Put(ctx context.Context, key string, value []byte) error
}

// Reporter tells the monitor. Clearing an error that was not raised says nothing.
type Reporter interface {
	Raise(ctx context.Context, e event.Error) error
	Clear(ctx context.Context, e event.Error) error
	Lag(ctx context.Context, l event.Lag) error
}

// Progress is where a backfill stands after each window.
type Progress struct {
	Series   series.ID
	From, To time.Time // whole span of the backfill
	Done     time.Time // everything up to here is published
	Rows     uint64    // observations of this series published so far in this run
}

// Deps is what a Runner is wired to.
type Deps struct {
	Publisher stage.Publisher
	Sink      stage.Sink // of the refresh log
	Cursors   Cursors
	Reporter  Reporter

	Source   Source                // nil means the one that Config describes
	HTTP     *http.Client          // for the EIA API; nil means one of its own
	Log      *zap.Logger           // nil means none
	Metrics  prometheus.Registerer // nil means none
	Progress func(Progress)        // called during backfills, maybe concurrently; may be nil
	Now      func() time.Time      // wall clock of the refresh log; nil means time.Now
}
