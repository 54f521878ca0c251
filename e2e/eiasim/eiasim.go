// Package eiasim is an HTTP server with the shape of the hourly grid routes of the EIA API v2. It replays recorded or
// generated demand under a clock that its user sets, and misbehaves on request.
//
// Periods are hour-ending labels in UTC, as the real service writes them: 2023-01-02T05 is the hour from 04:00 to 05:00.
// A demand row with period P is visible once P + Lag <= now. With the default lag of one hour and now = T on the hour,
// the newest visible period is T - 1h.
//
// A small seeded share of the values is first published differently (or as null) and corrected 2 to 47 hours later. The
// correction is always the value of the data set, so that anything fetched 48 hours after its period is exact.
package eiasim

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// ErrConfig is returned by New for a configuration or data file that cannot be used.
var ErrConfig = errors.New("eiasim: bad configuration")

// Config says what to serve. The zero value serves the default data set.
type Config struct {
	Data    string        // see Locate
	Areas   []string      // balancing authorities such as "TVA", or sub-areas such as "MISO-0027"; empty means 12 defaults
	Types   []string      // other types than demand that balancing authorities report: DF, NG, TI; made of their demand
	Seed    uint64        // of generated data, revisions and faults
	Lag     time.Duration // publication lag of demand; 0 means DefaultLag
	Revised float64       // share of values revised once, 0..1; 0 means DefaultRevised, negative means none
	APIKey  string        // the one key accepted; empty accepts every key but "INVALID"
	Now     time.Time     // start of the replayed clock; zero means that all data are visible
}

// Defaults of Config.
const (
	DefaultLag     = time.Hour
	DefaultRevised = 0.003
)

// Server serves one data set. It is safe for concurrent use.
type Server struct {
	cfg      Config
	kind     string
	areas    []area // sorted by route, then id
	requests atomic.Uint64

	mu     sync.RWMutex
	now    time.Time
	faults Faults
}

// New loads or generates the data.
func New(cfg Config) (*Server, error) {
	if cfg.Lag == 0 {
		cfg.Lag = DefaultLag
	}
	if cfg.Revised == 0 {
		cfg.Revised = DefaultRevised
	}
	if cfg.Revised > 1 {
		return nil, fmt.Errorf("revised share %g is above 1: %w", cfg.Revised, ErrConfig)
	}
	path, err := Locate(cfg.Data)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, kind: KindGenerated, now: cfg.Now.UTC()}
	if path == "" {
		s.areas, err = generate(cfg.Areas, cfg.Seed)
	} else {
		s.kind = KindReal
		s.areas, err = load(path, cfg.Areas)
	}
	if err != nil {
		return nil, err
	}
	if s.areas, err = addTypes(s.areas, cfg.Types); err != nil {
		return nil, err
	}
	if cfg.Now.IsZero() {
		_, last := s.span()
		s.now = last.Add(cfg.Lag)
	}
	return s, nil
}

// Kinds of data.
const (
	KindReal      = "real"
	KindGenerated = "generated"
)

// Info describes the data set and the clock.
type Info struct {
	Kind     string    `json:"kind"` // KindReal or KindGenerated
	Areas    []Area    `json:"areas"`
	First    time.Time `json:"first"` // oldest period
	Last     time.Time `json:"last"`  // newest period of the data set, visible or not
	Now      time.Time `json:"now"`
	Lag      string    `json:"lag"`
	Requests uint64    `json:"requests"` // API requests answered so far
}

// Area describes one series of the data set.
type Area struct {
	ID    string `json:"id"` // key of the series: "TVA", with a type "TVA.NG", or parent and sub-area "MISO-0027"
	Name  string `json:"name"`
	Zone  string `json:"zone"`  // IANA time zone
	Route string `json:"route"` // "region-data" or "region-sub-ba-data"
}

// Info returns a description of the server's state.
func (s *Server) Info() Info {
	first, last := s.span()
	info := Info{Kind: s.kind, First: first, Last: last, Now: s.Now(), Lag: s.cfg.Lag.String(), Requests: s.requests.Load()}
	for _, a := range s.areas {
		info.Areas = append(info.Areas, a.Area)
	}
	return info
}

// Now returns the replayed clock.
func (s *Server) Now() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now
}

// SetNow moves the replayed clock, forward or back.
func (s *Server) SetNow(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = t.UTC()
}

// Truth returns the first period and the final values of an area, NaN where it reported none. The caller must not
// modify the values.
func (s *Server) Truth(id string) (first time.Time, values []float64, ok bool) {
	for _, a := range s.areas {
		if a.ID == id {
			return a.first, a.values, true
		}
	}
	return time.Time{}, nil, false
}

// Handler returns the API routes under /v2/ and the control routes under /_sim/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.routeControl(mux)
	s.routeAPI(mux)
	return mux
}

func (s *Server) span() (first, last time.Time) {
	for _, a := range s.areas {
		end := a.time(len(a.values) - 1)
		if first.IsZero() || a.first.Before(first) {
			first = a.first
		}
		if end.After(last) {
			last = end
		}
	}
	return first, last
}

// view is the state one request is answered from.
type view struct {
	now    time.Time
	faults Faults
}

func (s *Server) view() view {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return view{now: s.now, faults: s.faults}
}
