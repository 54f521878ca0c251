package eiasim

import (
	"fmt"
	"slices"
	"time"
)

// Faults is how the server misbehaves. The zero value behaves.
type Faults struct {
	Errors  []ErrorFault   `json:"errors,omitempty"`  // of whole responses; the first that strikes wins
	Corrupt []CorruptFault `json:"corrupt,omitempty"` // of single rows
	Scale   []ScaleFault   `json:"scale,omitempty"`   // of values
	Drop    []DropFault    `json:"drop,omitempty"`    // of rows
	Overlap *OverlapFault  `json:"overlap,omitempty"` // of pages
	Numbers bool           `json:"numbers,omitempty"` // values and total are JSON numbers, as before version 2.1.6
}

// OverlapFault makes a share of the pages begin some rows early, as before version 2.1.9: they repeat rows of the page
// before, and hide as many at their end.
type OverlapFault struct {
	Share float64 `json:"share"` // 0..1
	Rows  int     `json:"rows"`
}

// ErrorFault spoils a share of the responses of the API routes.
type ErrorFault struct {
	Kind  string  `json:"kind"`
	Share float64 `json:"share"`           // 0..1
	Delay string  `json:"delay,omitempty"` // of ErrorSlow, as in "2s", which is the default
}

// Kinds of ErrorFault.
const (
	ErrorServer     = "server_error"    // 500, plain text
	ErrorOverRate   = "over_rate_limit" // 403, object error OVER_RATE_LIMIT
	ErrorTooMany    = "too_many"        // 429, object error OVER_RATE_LIMIT
	ErrorInBody     = "error_in_body"   // 200 with an error body, its error a string
	ErrorGateInBody = "gate_in_body"    // 200 with an error body, its error an object
	ErrorBadRequest = "bad_request"     // 400, its error a string
	ErrorTruncated  = "truncated"       // 200, the body ends half-way
	ErrorReset      = "reset"           // the connection is cut half-way through the body
	ErrorSlow       = "slow"            // the right answer, late
)

// Range chooses periods of one area: From <= period < To.
type Range struct {
	Area string    `json:"area"`          // empty means every area
	From time.Time `json:"from,omitzero"` // zero means from the start
	To   time.Time `json:"to,omitzero"`   // zero means without end
}

// CorruptFault spoils rows.
type CorruptFault struct {
	Range
	Kind  string  `json:"kind"`
	Share float64 `json:"share,omitempty"` // of the rows in the range, 0..1; 0 means all
}

// Kinds of CorruptFault.
const (
	CorruptText       = "text"        // value "abc"
	CorruptNullPeriod = "null_period" // period null
	CorruptThousand   = "thousand"    // value times 1000
	CorruptNegative   = "negative"    // value times -1
	CorruptDuplicate  = "duplicate"   // the row twice, the second time with another value
	CorruptRenamed    = "renamed"     // fields "timestamp" and "demand" in place of "period" and "value"
	CorruptNull       = "null"        // value null
)

// ScaleFault multiplies values.
type ScaleFault struct {
	Range
	Factor float64 `json:"factor"`
}

// DropFault removes the rows of an area: silence.
type DropFault struct {
	Range
}

func (r Range) has(a *area, t time.Time) bool {
	return (r.Area == "" || r.Area == a.ID) && !t.Before(r.From) && (r.To.IsZero() || t.Before(r.To))
}

// Faults returns the faults in force.
func (s *Server) Faults() Faults {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.faults
}

// SetFaults replaces all faults. Faults{} ends them.
func (s *Server) SetFaults(f Faults) error {
	if err := s.check(f); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
	return nil
}

func (s *Server) check(f Faults) error {
	kinds := []string{
		ErrorServer, ErrorOverRate, ErrorTooMany, ErrorInBody, ErrorGateInBody, ErrorBadRequest, ErrorTruncated, ErrorReset, ErrorSlow,
	}
	if o := f.Overlap; o != nil && (o.Share < 0 || o.Share > 1 || o.Rows < 1) {
		return fmt.Errorf("overlap: share %g and %d rows, want 0 to 1 and at least 1: %w", o.Share, o.Rows, ErrConfig)
	}
	for i, e := range f.Errors {
		if !slices.Contains(kinds, e.Kind) {
			return fmt.Errorf("errors[%d].kind: %q, want one of %q: %w", i, e.Kind, kinds, ErrConfig)
		}
		if e.Share < 0 || e.Share > 1 {
			return fmt.Errorf("errors[%d].share: %g, want 0 to 1: %w", i, e.Share, ErrConfig)
		}
		if _, err := e.delay(); err != nil {
			return fmt.Errorf("errors[%d].delay: %w: %w", i, err, ErrConfig)
		}
	}
	kinds = []string{
		CorruptText, CorruptNullPeriod, CorruptThousand, CorruptNegative, CorruptDuplicate, CorruptRenamed, CorruptNull,
	}
	for i, c := range f.Corrupt {
		if !slices.Contains(kinds, c.Kind) {
			return fmt.Errorf("corrupt[%d].kind: %q, want one of %q: %w", i, c.Kind, kinds, ErrConfig)
		}
		if c.Share < 0 || c.Share > 1 {
			return fmt.Errorf("corrupt[%d].share: %g, want 0 to 1: %w", i, c.Share, ErrConfig)
		}
	}
	return s.checkAreas(f)
}

// checkAreas refuses a fault for an area that is not served: it would pass for a fault that nobody noticed.
func (s *Server) checkAreas(f Faults) error {
	var ranges []Range
	for _, c := range f.Corrupt {
		ranges = append(ranges, c.Range)
	}
	for _, c := range f.Scale {
		ranges = append(ranges, c.Range)
	}
	for _, c := range f.Drop {
		ranges = append(ranges, c.Range)
	}
	for _, r := range ranges {
		if r.Area == "" {
			continue
		}
		if _, _, ok := s.Truth(r.Area); !ok {
			return fmt.Errorf("area: %q is not served: %w", r.Area, ErrConfig)
		}
	}
	return nil
}

func (e ErrorFault) delay() (time.Duration, error) {
	if e.Delay == "" {
		return 2 * time.Second, nil
	}
	d, err := time.ParseDuration(e.Delay)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", e.Delay, err)
	}
	return d, nil
}

// errorFor returns the fault that strikes request n, or nil.
func (f Faults) errorFor(seed, n uint64) *ErrorFault {
	for i, e := range f.Errors {
		if draw(seed, n, uint64(i), saltFault) < e.Share {
			return &f.Errors[i]
		}
	}
	return nil
}

// overlap returns how many rows early the page of request n begins.
func (f Faults) overlap(seed, n uint64) int {
	if f.Overlap == nil || draw(seed, n, saltOverlap) >= f.Overlap.Share {
		return 0
	}
	return f.Overlap.Rows
}

// corruption returns the kind of the fault that strikes the row of a at t, or "".
func (f Faults) corruption(seed uint64, a *area, t time.Time) string {
	for i, c := range f.Corrupt {
		if !c.has(a, t) {
			continue
		}
		if c.Share == 0 || draw(seed, hash(a.ID), uint64(t.Unix()), uint64(i), saltFault) < c.Share {
			return c.Kind
		}
	}
	return ""
}

func (f Faults) factor(a *area, t time.Time) float64 {
	factor := 1.0
	for _, c := range f.Scale {
		if c.has(a, t) {
			factor *= c.Factor
		}
	}
	return factor
}

func (f Faults) dropped(a *area, t time.Time) bool {
	return slices.ContainsFunc(f.Drop, func(d DropFault) bool { return d.has(a, t) })
}
