package clickhouse

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
)

// pool holds the connections statements run on, and one more to stop them
// from. That one also keeps the engine alive while others are replaced.
type pool struct {
	lib  *chdb.Library
	args []string
	free chan *session
	all  int

	control sync.Mutex // one statement at a time on killer
	killer  *session
}

func openPool(lib *chdb.Library, args []string, n int) (*pool, error) {
	p := &pool{lib: lib, args: args, free: make(chan *session, n)}
	var err error
	if p.killer, err = p.open(); err != nil {
		return nil, err
	}
	for range n {
		s, err := p.open()
		if err != nil {
			p.close()
			return nil, err
		}
		p.free <- s
		p.all++
	}
	return p, nil
}

// open makes a connection.
func (p *pool) open() (*session, error) {
	s := &session{mark: rand.Text(), database: defaultDatabase}
	var err error
	if s.conn, err = p.lib.Connect(append(slices.Clone(p.args), "--"+markSetting+"="+s.mark)...); err != nil {
		return nil, fmt.Errorf("connect to the engine: %w", err)
	}
	return s, nil
}

// markSetting carries the mark of a connection into system.processes. The
// engine chooses the query IDs and tells them to nobody, so a setting that
// does nothing has to tell whose a statement is. This one labels entries of
// the query cache, which is off.
const markSetting = "query_cache_tag"

// queryText runs a statement and returns its result as text without the final
// line end.
func queryText(conn *chdb.Conn, sql string) (string, error) {
	r, err := conn.Query(sql, "TSVRaw", nil)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return strings.TrimSuffix(string(r.Bytes()), "\n"), nil
}

// acquire waits for a free connection. One whose state is not known any more
// is replaced first.
func (p *pool) acquire(ctx context.Context) (*session, error) {
	var s *session
	select {
	case s = <-p.free:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a connection: %w", ctx.Err())
	}
	if !s.dirty {
		return s, nil
	}
	fresh, err := p.open()
	if err != nil {
		p.put(s)
		return nil, err
	}
	s.conn.Close()
	return fresh, nil
}

// put gives a connection back.
func (p *pool) put(s *session) { p.free <- s }

// kill stops the statement that runs on s, if one does. It returns when the
// engine has noted the request, not when the statement has ended.
func (p *pool) kill(s *session) error {
	p.control.Lock()
	defer p.control.Unlock()
	_, err := queryText(p.killer.conn, "KILL QUERY WHERE Settings['"+markSetting+"'] = "+quote(s.mark)+" ASYNC")
	return err
}

// close closes all connections; none may be in use.
func (p *pool) close() {
	for range p.all {
		(<-p.free).conn.Close()
	}
	p.all = 0
	if p.killer != nil {
		p.killer.conn.Close()
	}
}
