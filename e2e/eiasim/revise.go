package eiasim

import (
	"math"
	"time"
)

// Salts keep the draws of one value apart.
const (
	saltRevised = iota + 1
	saltDelay
	saltSize
	saltNull
	saltFault
	saltOverlap
)

const (
	shortestRevision = 2 * time.Hour // after first publication
	longestRevision  = 47 * time.Hour
	revisedFromNull  = 0.25 // share of the revised values that were null at first
)

// visible returns the number of leading periods of a that are published at now.
func (s *Server) visible(a *area, now time.Time) int {
	n := a.index(now.Add(-s.cfg.Lag - a.late).Add(time.Nanosecond)) // periods up to and including now - lag
	return min(max(n, 0), len(a.values))
}

// value returns what is published at now for period i of a, which must be visible: the final value, or the preliminary
// one while a revision is due.
func (s *Server) value(a *area, i int, now time.Time) float64 {
	v := a.values[i]
	due, preliminary := s.revision(a, i)
	if due == 0 || !now.Before(a.time(i).Add(s.cfg.Lag+a.late+due)) {
		return v
	}
	return preliminary
}

// revision returns how long after first publication period i of a is corrected, and the value until then. Zero means
// that it is right from the start.
func (s *Server) revision(a *area, i int) (due time.Duration, preliminary float64) {
	id, at := hash(a.ID), uint64(i)
	if draw(s.cfg.Seed, id, at, saltRevised) >= s.cfg.Revised || math.IsNaN(a.values[i]) {
		return 0, 0
	}
	spread := float64((longestRevision - shortestRevision) / time.Hour)
	due = shortestRevision + time.Duration(draw(s.cfg.Seed, id, at, saltDelay)*spread)*time.Hour
	if draw(s.cfg.Seed, id, at, saltNull) < revisedFromNull {
		return due, math.NaN()
	}
	// Off by 0.5 to 4 percent, either way, and never equal to the final value.
	u := 2*draw(s.cfg.Seed, id, at, saltSize) - 1
	off := math.Copysign(.005+.035*math.Abs(u), u)
	preliminary = math.Round(a.values[i] * (1 + off))
	if preliminary == a.values[i] {
		preliminary++
	}
	return due, preliminary
}
