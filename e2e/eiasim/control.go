package eiasim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// routeControl adds the routes that steer the replay:
//
//	GET    /_sim/info    Info
//	PUT    /_sim/now     {"now": "2023-01-02T05:00:00Z"}
//	GET    /_sim/faults  Faults
//	PUT    /_sim/faults  Faults, replacing those in force
//	DELETE /_sim/faults  ends all faults
func (s *Server) routeControl(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/info", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Info()) })
	mux.HandleFunc("PUT /_sim/now", s.putNow)
	mux.HandleFunc("GET /_sim/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Faults()) })
	mux.HandleFunc("PUT /_sim/faults", s.putFaults)
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		s.faults = Faults{}
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) putNow(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Now time.Time `json:"now"`
	}
	err := decode(r, &in)
	if err == nil && in.Now.IsZero() {
		err = errors.New(`now is missing, want {"now": "2023-01-02T05:00:00Z"}`)
	}
	if err != nil {
		badRequest(w, err)
		return
	}
	s.SetNow(in.Now)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) putFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	err := decode(r, &f)
	if err == nil {
		err = s.SetFaults(f)
	}
	if err != nil {
		badRequest(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func decode(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("decode body: %w", err)
	}
	return nil
}
