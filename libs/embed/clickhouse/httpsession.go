package clickhouse

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	defaultSessionTimeout = time.Minute
	maxSessionTimeout     = time.Hour
	maxSessions           = 64 // of one user
)

// httpSession is a connection that the requests with one session_id share, so
// that SET, USE and temporary tables last from one to the next.
type httpSession struct {
	*session
	busy   bool
	expiry *time.Timer
	used   time.Time
}

// httpSessions are those of one user.
type httpSessions struct {
	engine *backend
	mu     sync.Mutex
	all    map[string]*httpSession
}

func newHTTPSessions(engine *backend) *httpSessions {
	return &httpSessions{engine: engine, all: make(map[string]*httpSession)}
}

// sessionOptions are the URL parameters about a session.
type sessionOptions struct {
	id      string // "" for none
	timeout time.Duration
	check   bool // it must exist
	close   bool // it ends with the request
}

// set takes a URL parameter.
func (o *sessionOptions) set(name, value string) error {
	switch name {
	case "session_id":
		o.id = value
	case "session_check":
		o.check = isOn(value)
	case "close_session":
		o.close = isOn(value)
	case "session_timeout":
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > maxSessionTimeout {
			return exception(codeSessionTimeout, "Session timeout %q is not a number of seconds up to %.0f. (INVALID_SESSION_TIMEOUT)", value, maxSessionTimeout.Seconds())
		}
		o.timeout = time.Duration(seconds) * time.Second
	}
	return nil
}

// take returns the session, opening it unless it must exist, for one request.
func (h *httpSessions) take(o sessionOptions) (*httpSession, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.all[o.id]
	switch {
	case s != nil && s.busy:
		return nil, exception(codeSessionLocked, "Session %s is locked by a concurrent client. (SESSION_IS_LOCKED)", o.id)
	case s != nil:
		s.expiry.Stop()
	case o.check:
		return nil, exception(codeSessionNotFound, "Session %s not found. (SESSION_NOT_FOUND)", o.id)
	default:
		if err := h.makeRoom(); err != nil {
			return nil, err
		}
		fresh, err := h.engine.open()
		if err != nil {
			return nil, err
		}
		s = &httpSession{session: fresh}
		h.all[o.id] = s
	}
	s.busy = true
	return s, nil
}

// makeRoom ends the session that was idle for longest when there are too many.
func (h *httpSessions) makeRoom() error {
	if len(h.all) < maxSessions {
		return nil
	}
	oldest := ""
	for id, s := range h.all {
		if !s.busy && (oldest == "" || s.used.Before(h.all[oldest].used)) {
			oldest = id
		}
	}
	if oldest == "" {
		return exception(codeTooMany, "Too many sessions at work: %d. (TOO_MANY_SIMULTANEOUS_QUERIES)", maxSessions)
	}
	h.end(oldest)
	return nil
}

// put gives a session back, until its next request or its timeout.
func (h *httpSessions) put(o sessionOptions, s *httpSession) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.busy, s.used = false, time.Now()
	if o.close || s.dirty {
		h.end(o.id)
		return
	}
	s.expiry = time.AfterFunc(o.timeout, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.all[o.id] == s && !s.busy && time.Since(s.used) >= o.timeout {
			h.end(o.id)
		}
	})
}

// end closes a session; h is locked.
func (h *httpSessions) end(id string) {
	s := h.all[id]
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.conn.Close()
	delete(h.all, id)
}

func (h *httpSessions) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.all {
		h.end(id)
	}
}

// overlay sets what a request asks for on top of what its session has, and
// returns how to take it back.
func (s *session) overlay(database string, settings map[string]string) (undo func() error, err error) {
	var back []string
	if database != "" {
		had, err := queryText(s.conn, "SELECT currentDatabase()")
		if err != nil {
			return nil, err
		}
		if err := s.exec("USE " + quoteName(database)); err != nil {
			return nil, err
		}
		back = append(back, "USE "+quoteName(had))
	}
	if len(settings) > 0 {
		restore, err := s.present(settings)
		if err != nil {
			return nil, err
		}
		if restore != "" {
			back = append(back, restore)
		}
		var list []string
		for name, value := range settings {
			list = append(list, name+" = "+quote(value))
		}
		if err := s.exec("SET " + strings.Join(list, ", ")); err != nil {
			s.dirty = true // it may have been applied in part
			return nil, err
		}
		s.dirty = restricted(settings)
	}
	return func() error {
		for _, statement := range back {
			if err := s.exec(statement); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// present returns the SET statement that brings settings back to what they are.
func (s *session) present(settings map[string]string) (string, error) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		names = append(names, quote(name))
	}
	const literal = `if(changed, '\'' || replaceAll(replaceAll(value, '\\', '\\\\'), '\'', '\\\'') || '\'', 'DEFAULT')`
	text, err := queryText(s.conn, "SELECT arrayStringConcat(groupArray(name || ' = ' || "+literal+"), ', ') FROM system.settings WHERE name IN ("+strings.Join(names, ", ")+")")
	if err != nil || text == "" { // the names are unknown, which SET will tell
		return "", err
	}
	return "SET " + text, nil
}
