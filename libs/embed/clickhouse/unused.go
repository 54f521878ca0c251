package clickhouse

import (
	"net"
	"net/http"
	"sync"
)

// unusedConns are the TCP connections on which no request has come yet. HTTP
// clients open connections in reserve, and http.Server.Shutdown waits five
// seconds for each; they are closed instead.
type unusedConns struct {
	mu  sync.Mutex
	all map[net.Conn]struct{} // nil once closed
}

func newUnusedConns() *unusedConns { return &unusedConns{all: make(map[net.Conn]struct{})} }

// track is a http.Server.ConnState.
func (u *unusedConns) track(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.all, c)
	case u.all == nil:
		_ = c.Close() // accepted while closing
	default:
		u.all[c] = struct{}{}
	}
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.all {
		_ = c.Close() // nothing was sent on it
	}
	u.all = nil
}
