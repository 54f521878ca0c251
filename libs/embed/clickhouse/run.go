package clickhouse

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/sqltext"
)

// killInterval is the time between two attempts to stop a statement: the first
// may come before the engine has registered it.
const killInterval = 100 * time.Millisecond

// run executes the statement on a connection of its own.
func (g *gateway) run(ctx context.Context, q *request, out *response) error {
	s, err := q.user.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer q.user.pool.put(s)
	// What an analyst may do leaves nothing behind that a session could keep.
	if q.session.id != "" && !q.user.analyst {
		return g.runInSession(ctx, q, out)
	}
	end, err := g.begin(ctx, q, s)
	if err != nil {
		return err
	}
	defer end()
	defer g.killWhenDone(ctx, s)()
	if err := s.prepare(q.database, q.settings); err != nil {
		return err
	}
	if q.user.analyst {
		if err := g.examine(s.conn, q.statement); err != nil {
			return err
		}
	}
	if q.statement.Kind == sqltext.Session {
		s.dirty = true // as on a server, the effect ends with the request
	}
	return g.execute(ctx, s.conn, q, out)
}

// runInSession executes the statement on the connection of an HTTP session. The
// one that was acquired for the request stays unused: it stands for the place
// among the statements that may run at the same time.
func (g *gateway) runInSession(ctx context.Context, q *request, out *response) (err error) {
	s, err := q.user.sessions.take(q.session)
	if err != nil {
		return err
	}
	defer q.user.sessions.put(q.session, s)
	end, err := g.begin(ctx, q, s.session)
	if err != nil {
		return err
	}
	defer end()
	defer g.killWhenDone(ctx, s.session)()
	undo, err := s.overlay(q.database, q.settings)
	if err != nil {
		return err
	}
	defer func() {
		if !s.dirty && undo() != nil {
			s.dirty = true
		}
	}()
	return g.execute(ctx, s.conn, q, out)
}

// execute runs the statement and sends its result.
func (g *gateway) execute(ctx context.Context, conn *chdb.Conn, q *request, out *response) error {
	switch {
	case q.statement.Kind == sqltext.Insert && (q.data != nil || q.statement.Data == ""):
		return insert(conn, q, out)
	case q.statement.Kind == sqltext.Query && streamable(out.format):
		return stream(ctx, conn, q, out)
	case q.statement.Is("KILL", "QUERY"):
		var err error
		if q.statement.Text, err = g.translateKill(q.statement.Text); err != nil {
			return err
		}
	case g.log != nil && q.statement.Is("SYSTEM", "FLUSH", "LOGS"):
		g.log.flush()
	}
	return query(conn, q, out)
}

// killWhenDone stops the statement on s when ctx ends, that is when the client
// has gone or the server closes. The returned function ends the watch; after
// it no attempt to stop s is under way, so the next statement is safe.
func (g *gateway) killWhenDone(ctx context.Context, s *session) func() {
	finished, watched := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(watched)
		for {
			_ = g.engine.kill(s) // the next attempt follows
			select {
			case <-finished:
				return
			case <-time.After(killInterval):
			}
		}
	})
	return func() {
		close(finished)
		if !stop() {
			<-watched
		}
	}
}

// insert streams the body into the engine.
func insert(conn *chdb.Conn, q *request, out *response) error {
	if q.data == nil {
		q.data = strings.NewReader("")
	}
	ins, err := conn.Insert(q.statement.Head, q.statement.Format, q.params)
	if err != nil {
		return err
	}
	defer ins.Close()
	stats, err := fill(ins, io.MultiReader(strings.NewReader(q.statement.Data), q.data))
	if err != nil {
		return err
	}
	out.add(stats)
	return out.finish()
}

// fill appends data in large pieces, since each costs the engine a wake-up, and
// commits it. Only io.EOF ends the data: a body that breaks off must not be
// committed.
func fill(ins *chdb.Insert, data io.Reader) (chdb.Stats, error) {
	piece := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(piece)
	n := 0
	for {
		k, err := data.Read(piece[n:])
		n += k
		if n == pieceSize || errors.Is(err, io.EOF) {
			if _, err := ins.Write(piece[:n]); err != nil {
				return chdb.Stats{}, err
			}
			n = 0
		}
		switch {
		case errors.Is(err, io.EOF):
			return ins.Finish()
		case err != nil:
			return chdb.Stats{}, bodyError(err)
		}
	}
}

const pieceSize = 128 << 10

//nolint:gochecknoglobals // pool of byte arrays
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// query runs a statement whose result is small or cannot be streamed.
func query(conn *chdb.Conn, q *request, out *response) error {
	r, err := conn.Query(q.statement.Text, q.format, q.params)
	if err != nil {
		return err
	}
	defer r.Close()
	out.add(r.Stats())
	if err := out.write(r.Bytes()); err != nil {
		return err
	}
	return out.finish()
}

// stream runs a query whose result is fetched and sent block by block.
func stream(ctx context.Context, conn *chdb.Conn, q *request, out *response) error {
	st, err := conn.Stream(q.statement.Text, q.format, q.params)
	if e := asException(err); e != nil && e.Code == codeBadArguments && strings.Contains(e.Message, "Streaming query is not supported") {
		return query(conn, q, out)
	}
	if err != nil {
		return err
	}
	defer st.Close()
	head := headers{format: out.format}
	for ctx.Err() == nil {
		block, err := st.Next()
		if errors.Is(err, io.EOF) {
			return out.finish()
		}
		if err != nil {
			return err
		}
		out.add(block.Stats())
		err = out.write(head.strip(block.Bytes()))
		block.Close()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
