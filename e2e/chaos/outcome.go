package chaos

import "time"

// Outcome is what the pipeline made of what it was told, read when it has settled.
type Outcome struct {
	Observations []Point  // rows of v_observations
	Revisions    []Point  // rows of v_revisions
	Held         []Point  // rows of v_quarantine
	Valid        []Batch  // messages of bw.obs.valid, in the order of the stream
	Dead         []Letter // messages of the dead-letter stream
	Jobs         []string // jobs with rows in v_backtests
	Events       []string // ids of the run's events in v_events, as often as they are shown
	Published    []string // ids of messages on output subjects other than bw.obs.valid, as often as they are there
	Forecasts    []Newest // the newest forecast of each series
	Repeated     []Repeat // what a view shows more than once
}

// Point is one value of a series.
type Point struct {
	Series  string
	TS      time.Time
	Value   float64
	KnownAt time.Time
}

// Batch is one message of observations.
type Batch struct {
	ID     string
	Series string
	Points []Point
}

// Letter is a dead letter.
type Letter struct {
	Message  string // id of the message
	Consumer string
	Reason   string
	Values   []float64 // of the observations, when it can be read
}

// Newest is the newest forecast of a series, as its subject and its view have it.
type Newest struct {
	Series   string
	Cut      time.Time // the last grid point it has seen
	ViewCut  time.Time // the same, according to the view
	Fallback bool      // by repetition of the last day
	Step     time.Duration
	Mean     []float64
}

// Repeat is an identity that a view shows more than once.
type Repeat struct {
	View  string
	Rows  int // too many
	Names string
}
