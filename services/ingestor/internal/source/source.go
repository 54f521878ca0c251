// Package source is the vocabulary between the ingestor and the places it reads from.
package source

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Kinds of trouble with a source. Every error of a source wraps one of them or comes from a context.
var (
	ErrUnavailable = errors.New("upstream unavailable") // worth another try later
	ErrSchema      = errors.New("upstream schema")      // it answers, but not in the shape we know
	ErrRejected    = errors.New("upstream rejected")    // it understood and said no
	ErrConfig      = errors.New("bad configuration")    // the operator must change something
)

// ErrKey is the kind of ErrConfig that makes every further request pointless.
var ErrKey = fmt.Errorf("api key: %w", ErrConfig)

// Error is trouble with a source in one line made for its operator. It unwraps to one of the kinds above.
type Error struct {
	Kind error
	Text string
}

func (e *Error) Error() string { return e.Text }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// Errorf returns an Error of the kind.
func Errorf(kind error, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// Window asks for the rows of some keys with From <= period <= To.
type Window struct {
	From, To time.Time
	Keys     []string
}

// Rows is what a source reports for one key.
type Rows struct {
	Obs       []series.Observation // by time, one for each period; NaN where the source reports no value
	Twins     []series.Observation // other values of periods in Obs, by time: the source contradicts itself
	Malformed []series.Malformed   // rows that cannot be read as an observation
	Schema    int                  // malformed rows that lack a field we know: a sign of a changed schema
	Failed    []Failure            // steps that could not be done to rows; their inputs are in Malformed too
}

// Failure is a step that could not be done, and what it was given.
type Failure struct {
	Step   string // "total"
	Period string
	Input  string // what the step was given, as JSON
	Reason string
}

// Fetched is the answer to a Window.
type Fetched struct {
	Keys  map[string]Rows    // a key without rows may be absent
	Stray []series.Malformed // rows that belong to none of the keys asked for
	Pages int                // requests, or files read
	Count int                // rows as received, duplicates included
}
