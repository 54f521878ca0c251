package source

import (
	"math"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Collector gathers rows as they come, in any order and with repetitions, into a Fetched.
//
// A period that comes twice with the same value is one observation. When the values differ, the first is the
// observation and the others are its twins: which of them is right is not for a source to decide.
type Collector struct {
	// Redact takes secrets out of the payloads of malformed rows. Nil leaves them as they are.
	Redact func(string) string

	keys  map[string]*keyRows
	stray []series.Malformed
	seen  map[string]bool // payloads of malformed rows
}

type keyRows struct {
	first map[int64]float64 // by period
	rows  Rows
}

// NewCollector returns a collector for the keys of w.
func NewCollector(w Window) *Collector {
	c := &Collector{keys: make(map[string]*keyRows, len(w.Keys)), seen: map[string]bool{}}
	for _, k := range w.Keys {
		c.keys[k] = &keyRows{first: map[int64]float64{}}
	}
	return c
}

// Has reports whether key was asked for.
func (c *Collector) Has(key string) bool { return c.keys[key] != nil }

// Contradicted reports whether some period of key came with different values.
func (c *Collector) Contradicted(key string) bool { return len(c.keys[key].rows.Twins) > 0 }

// Add adds an observation of a key that was asked for, and reports whether it says something new.
func (c *Collector) Add(key string, o series.Observation) bool {
	k := c.keys[key]
	v, repeated := k.first[o.TS.Unix()]
	if !repeated {
		k.first[o.TS.Unix()] = o.Value
		k.rows.Obs = append(k.rows.Obs, o)
		return true
	}
	same := func(x series.Observation) bool { return x.TS.Equal(o.TS) && Same(x.Value, o.Value) }
	if Same(v, o.Value) || slices.ContainsFunc(k.rows.Twins, same) {
		return false
	}
	k.rows.Twins = append(k.rows.Twins, o)
	return true
}

// AddMalformed adds a row that cannot be read, and reports whether it says something new. key is empty when the row
// does not say whose it is: it then goes to the only key asked for, or else to the stray rows. schema means that the
// row lacks a field.
func (c *Collector) AddMalformed(key string, m series.Malformed, schema bool) bool {
	if c.Redact != nil {
		m.Payload = c.Redact(m.Payload)
	}
	id := key + "\x00" + m.Payload + "\x00" + m.Reason
	if c.seen[id] {
		return false
	}
	c.seen[id] = true
	if key == "" && len(c.keys) == 1 {
		for only := range c.keys {
			key = only
		}
	}
	k := c.keys[key]
	if k == nil {
		c.stray = append(c.stray, m)
		return true
	}
	k.rows.Malformed = append(k.rows.Malformed, m)
	if schema {
		k.rows.Schema++
	}
	return true
}

// Fail adds a row that a step could not be done to: malformed, with the failure beside it.
func (c *Collector) Fail(key string, f Failure) {
	m := series.Malformed{Period: f.Period, Payload: f.Input, Reason: f.Reason}
	if !c.AddMalformed(key, m, false) {
		return
	}
	if k := c.keys[key]; k != nil {
		k.rows.Failed = append(k.rows.Failed, f)
	}
}

// Skip passes over a row that nobody asked for, and reports whether it came for the first time.
func (c *Collector) Skip(payload string) bool {
	if c.seen[payload] {
		return false
	}
	c.seen[payload] = true
	return true
}

// Fetched returns what was gathered, observations by time.
func (c *Collector) Fetched() Fetched {
	f := Fetched{Keys: make(map[string]Rows, len(c.keys)), Stray: c.stray}
	for key, k := range c.keys {
		byTime := func(a, b series.Observation) int { return a.TS.Compare(b.TS) }
		slices.SortStableFunc(k.rows.Obs, byTime)
		slices.SortStableFunc(k.rows.Twins, byTime)
		f.Keys[key] = k.rows
	}
	return f
}

// Same reports whether two values say the same; a missing value is the same as a missing value.
func Same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
