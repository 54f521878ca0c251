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

// backend is the engine: it opens connections, and keeps one to stop
// statements from. That one also keeps the engine alive while others are
// replaced.
type backend struct {
	lib  *chdb.Library
	args []string

	control sync.Mutex // one statement at a time on killer
	killer  *session
}

func startEngine(lib *chdb.Library, args []string) (*backend, error) {
	b := &backend{lib: lib, args: args}
	var err error
	b.killer, err = b.open()
	return b, err
}

// open makes a connection.
func (b *backend) open() (*session, error) {
	s := &session{mark: rand.Text(), database: defaultDatabase}
	var err error
	if s.conn, err = b.lib.Connect(append(slices.Clone(b.args), "--"+markSetting+"="+s.mark)...); err != nil {
		return nil, fmt.Errorf("connect to the engine: %w", err)
	}
	return s, nil
}

// query runs a statement on the connection kept for such.
func (b *backend) query(sql string) (string, error) {
	b.control.Lock()
	defer b.control.Unlock()
	return queryText(b.killer.conn, sql)
}

// kill stops the statement that runs on s, if one does. It returns when the
// engine has noted the request, not when the statement has ended.
func (b *backend) kill(s *session) error {
	_, err := b.query("KILL QUERY WHERE Settings['" + markSetting + "'] = " + quote(s.mark) + " ASYNC")
	return err
}

// close stops the engine; no connection may be in use.
func (b *backend) close() { b.killer.conn.Close() }

// pool holds connections of one class of users: each class waits for its own.
type pool struct {
	engine *backend
	free   chan *session
	all    int
}

func openPool(engine *backend, n int) (*pool, error) {
	p := &pool{engine: engine, free: make(chan *session, n)}
	for range n {
		s, err := engine.open()
		if err != nil {
			p.close()
			return nil, err
		}
		p.free <- s
		p.all++
	}
	return p, nil
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
	fresh, err := p.engine.open()
	if err != nil {
		p.put(s)
		return nil, err
	}
	s.conn.Close()
	return fresh, nil
}

// put gives a connection back.
func (p *pool) put(s *session) { p.free <- s }

// close closes all connections; none may be in use.
func (p *pool) close() {
	for range p.all {
		(<-p.free).conn.Close()
	}
	p.all = 0
}
