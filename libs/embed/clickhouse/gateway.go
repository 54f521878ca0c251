package clickhouse

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/sqltext"
	"github.com/bellwether-forecast/bellwether/libs/record"
)

// gateway is the HTTP interface of the engine.
type gateway struct {
	engine  *backend
	users   []*user
	analyst Analyst
	formats sqltext.Formats
	// tableFunctions are those that analysts may not use, in lower case.
	tableFunctions map[string]struct{}
	name           string // display name
	maxBody        int64
	log            *queryLog // nil: statements are not noted
	running        *executions
}

func newGateway(cfg Config, engine *backend) (_ *gateway, err error) {
	g := &gateway{engine: engine, analyst: cfg.Analyst, maxBody: cfg.MaxBody, running: newExecutions()}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	if err := g.addUser(first(cfg.User, defaultDatabase), cfg.Password, cfg.Connections, false); err != nil {
		return nil, err
	}
	if a := cfg.Analyst; a.Password != "" {
		if err := g.addUser(a.User, a.Password, a.Connections, true); err != nil {
			return nil, err
		}
	}
	if g.formats, err = g.names("formats"); err != nil {
		return nil, err
	}
	if g.tableFunctions, err = g.names("table_functions"); err != nil {
		return nil, err
	}
	for _, name := range harmlessTables() {
		delete(g.tableFunctions, name)
	}
	if g.name, err = engine.query("SELECT displayName()"); err != nil {
		return nil, fmt.Errorf("display name: %w", err)
	}
	if cfg.QueryLog != "" {
		if g.log, err = openQueryLog(engine, cfg.QueryLog, cfg.Log); err != nil {
			return nil, fmt.Errorf("query log: %w", err)
		}
	}
	return g, nil
}

func (g *gateway) addUser(name, password string, connections int, analyst bool) error {
	p, err := openPool(g.engine, connections)
	if err != nil {
		return err
	}
	g.users = append(g.users, &user{name: name, password: password, pool: p, sessions: newHTTPSessions(g.engine), analyst: analyst})
	return nil
}

// names returns the names in a table of the engine's, in lower case.
func (g *gateway) names(table string) (map[string]struct{}, error) {
	text, err := g.engine.query("SELECT lower(name) FROM system." + table)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", table, err)
	}
	set := make(map[string]struct{})
	for name := range strings.Lines(text + "\n") {
		set[strings.TrimSpace(name)] = struct{}{}
	}
	return set, nil
}

// close closes all connections; none may be in use.
func (g *gateway) close() {
	if g.log != nil {
		g.log.close()
	}
	for _, u := range slices.Backward(g.users) {
		u.sessions.close()
		u.pool.close()
	}
}

// ServeHTTP answers /ping, /replicas_status, of which there are none, and
// statements on /.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping", r.URL.Path == "/replicas_status", r.URL.Path == "/" && r.Method == http.MethodGet && r.URL.RawQuery == "":
		_, _ = io.WriteString(w, "Ok.\n")
	case r.URL.Path != "/":
		http.Error(w, "There is no handle "+r.URL.Path, http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		http.Error(w, "Use GET or POST", http.StatusMethodNotAllowed)
	default:
		g.serveStatement(w, r)
	}
}

func (g *gateway) serveStatement(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-ClickHouse-Server-Display-Name", g.name)
	h.Set("X-ClickHouse-Timezone", "UTC")
	u, err := g.authenticate(r)
	if err != nil {
		writeException(w, err)
		return
	}
	q, err := g.parseRequest(r, u)
	if err == nil && r.Method == http.MethodGet && !q.statement.ReadOnly {
		err = exception(codeReadonly, "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly: use POST. (READONLY)")
	}
	if err != nil {
		writeException(w, err)
	} else {
		err = g.serve(w, r, q)
	}
	g.note(r, q, err)
}

// serve runs the statement and sends its answer. The returned error was sent, too.
func (g *gateway) serve(w http.ResponseWriter, r *http.Request, q *request) error {
	out := newResponse(w, q)
	defer out.close()
	err := g.run(r.Context(), q, out)
	if err != nil {
		if q.data != nil {
			drain(q.data)
		}
		out.fail(err)
	}
	q.stats, q.sent = out.stats, out.bytes
	return err
}

// note hands a statement that has ended to the query log.
func (g *gateway) note(r *http.Request, q *request, err error) {
	if g.log == nil {
		return
	}
	entry := record.Query{
		QueryID: q.queryID, User: q.user.name, Kind: q.statement.Verb(), StartedAt: q.started.UTC(), ElapsedS: time.Since(q.started).Seconds(),
		ReadRows: q.stats.RowsRead, ReadBytes: q.stats.BytesRead, WrittenRows: q.stats.RowsWritten, WrittenBytes: q.stats.BytesWritten,
		ResultBytes: q.sent, Database: first(q.database, defaultDatabase), Client: r.UserAgent(), Text: q.text(),
	}
	if err != nil {
		e := toException(err)
		if r.Context().Err() != nil { // whatever broke first, it broke because the client left
			e = exception(codeCancelled, "Query was cancelled: the client has gone. (QUERY_WAS_CANCELLED)")
		}
		entry.ExceptionCode, entry.Exception = uint32(e.Code), e.Message
	}
	g.log.add(entry)
}

// newQueryID returns a random UUID.
func newQueryID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
