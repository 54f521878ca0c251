package clickhouse

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/sqltext"
)

// gateway is the HTTP interface of the engine.
type gateway struct {
	pool           *pool
	formats        sqltext.Formats
	name           string // display name
	user, password string
	maxBody        int64
}

func newGateway(cfg Config, p *pool) (*gateway, error) {
	g := &gateway{pool: p, user: first(cfg.User, defaultDatabase), password: cfg.Password, maxBody: cfg.MaxBody, formats: sqltext.Formats{}}
	names, err := queryText(p.killer.conn, "SELECT lower(name) FROM system.formats")
	if err != nil {
		return nil, fmt.Errorf("list formats: %w", err)
	}
	for name := range strings.Lines(names + "\n") {
		g.formats[strings.TrimSpace(name)] = struct{}{}
	}
	if g.name, err = queryText(p.killer.conn, "SELECT displayName()"); err != nil {
		return nil, fmt.Errorf("display name: %w", err)
	}
	return g, nil
}

// ServeHTTP answers /ping and statements on /.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping", r.URL.Path == "/" && r.Method == http.MethodGet && r.URL.RawQuery == "":
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
	if err := g.authenticate(r); err != nil {
		writeException(w, err)
		return
	}
	q, err := g.parseRequest(r)
	if err == nil && r.Method == http.MethodGet && !q.statement.ReadOnly {
		err = exception(codeReadonly, "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly: use POST. (READONLY)")
	}
	if err != nil {
		writeException(w, err)
		return
	}
	out := newResponse(w, q)
	defer out.close()
	if err := g.run(r.Context(), q, out); err != nil {
		if q.data != nil {
			drain(q.data)
		}
		out.fail(err)
	}
}

// authenticate takes user and password from the headers of ClickHouse, from
// basic authentication or from the URL, in this order.
func (g *gateway) authenticate(r *http.Request) error {
	user, password := r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	if user == "" && password == "" {
		user, password, _ = r.BasicAuth()
	}
	if user == "" && password == "" {
		values := r.URL.Query()
		user, password = values.Get("user"), values.Get("password")
	}
	user = first(user, defaultDatabase)
	same := subtle.ConstantTimeCompare([]byte(user), []byte(g.user)) & subtle.ConstantTimeCompare([]byte(password), []byte(g.password))
	if same != 1 {
		return exception(codeAuthentication, "%s: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)", user)
	}
	return nil
}

// newQueryID returns a random UUID.
func newQueryID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
