package clickhouse

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/sqltext"
)

// maxStatement bounds a statement sent in the request body, which is held in
// memory. Data sent apart from the statement is streamed and not bound by it.
const maxStatement = 64 << 20

// request is one statement and everything that came with it.
type request struct {
	user      *user
	statement sqltext.Statement
	// data is the body behind a statement in the URL, nil if there is none.
	data     io.Reader
	params   []chdb.Param
	settings map[string]string
	session  sessionOptions
	database string
	format   string // of the result
	queryID  string

	revision uint64          // client_protocol_version
	compress compress.Method // of result blocks, compress.None for plain
	encoding *encoding       // of the response, nil for plain
	hold     bool            // send nothing before the end

	started time.Time
	stats   chdb.Stats // known when the statement has ended
	sent    uint64     // bytes of the result
}

// text is the statement for the query log, without data.
func (q *request) text() string {
	if q.statement.Kind == sqltext.Insert {
		return q.statement.Head + "FORMAT " + q.statement.Format
	}
	return q.statement.Text
}

// parseRequest reads the URL and, unless it is the data of an INSERT, the body.
// With an error it returns what it understood.
func (g *gateway) parseRequest(r *http.Request, u *user) (*request, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &request{user: u, started: time.Now()}, exception(codeBadArguments, "Cannot parse the URL: %v", err)
	}
	q := &request{
		user:     u,
		session:  sessionOptions{timeout: defaultSessionTimeout},
		started:  time.Now(),
		database: first(values.Get("database"), r.Header.Get("X-ClickHouse-Database")),
		format:   first(values.Get("default_format"), r.Header.Get("X-ClickHouse-Format"), "TabSeparated"),
		queryID:  first(values.Get("query_id"), newQueryID()),
		hold:     isOn(values.Get("wait_end_of_query")),
	}
	if first(values.Get("enable_http_compression"), "1") == "1" {
		q.encoding = acceptable(r.Header.Get("Accept-Encoding"))
	}
	q.statement.Text = values.Get("query")
	if err := q.parseOptions(values); err != nil {
		return q, err
	}
	if u.analyst {
		if q.settings, err = g.analyst.settings(q.settings); err != nil {
			return q, err
		}
	}
	body, err := g.body(r, isOn(values.Get("decompress")))
	if err != nil {
		return q, err
	}
	return q, q.parseStatement(values.Get("query"), body, g.formats)
}

// parseOptions sorts the URL parameters into parameters of the statement,
// options of the protocol and, all others, settings of the engine.
func (q *request) parseOptions(values url.Values) error {
	for name := range values {
		value := values.Get(name)
		switch name {
		case "query", "database", "default_format", "query_id", "decompress", "wait_end_of_query", "enable_http_compression",
			"user", "password", "quota_key", "stacktrace", "buffer_size", "network_compression_method", "network_zstd_compression_level":
			// Read elsewhere, or without a meaning for an embedded engine.
		case "session_id", "session_timeout", "session_check", "close_session":
			if err := q.session.set(name, value); err != nil {
				return err
			}
		case "role":
			return exception(codeNotImplemented, "role: the embedded engine has no roles")
		case "client_protocol_version":
			var err error
			if q.revision, err = strconv.ParseUint(value, 10, 32); err != nil {
				return exception(codeBadArguments, "Cannot parse client_protocol_version %q", value)
			}
		case "compress":
			if isOn(value) {
				q.compress = blockCompression(values.Get("network_compression_method"))
			}
		default:
			if err := q.parseSetting(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (q *request) parseSetting(name, value string) error {
	if param, ok := strings.CutPrefix(name, "param_"); ok {
		q.params = append(q.params, chdb.Param{Name: param, Value: value})
		return nil
	}
	if !isName(name) {
		return exception(codeUnknownSetting, "Unknown setting '%s'. (UNKNOWN_SETTING)", name)
	}
	if q.settings == nil {
		q.settings = make(map[string]string)
	}
	q.settings[name] = value
	return nil
}

// parseStatement takes the statement from the URL, from the body, or from both
// one after the other.
func (q *request) parseStatement(inURL string, body *bufio.Reader, formats sqltext.Formats) error {
	var err error
	if inURL != "" {
		if q.statement, err = sqltext.Parse(inURL, formats); err != nil {
			q.statement = sqltext.Statement{Text: inURL}
			return statementError(err)
		}
		if empty, err := isEmpty(body); empty || err != nil {
			return err
		}
		if q.statement.Kind == sqltext.Insert {
			q.data = body
			return nil
		}
		inURL += "\n"
	}
	rest, err := io.ReadAll(io.LimitReader(body, maxStatement+1))
	if err != nil {
		return bodyError(err)
	}
	if len(rest) > maxStatement {
		return exception(codeQueryTooLarge, "Statement of more than %d bytes in the body: send an INSERT in the parameter query and its data in the body. (QUERY_IS_TOO_LARGE)", maxStatement)
	}
	text := inURL + string(rest)
	if q.statement, err = sqltext.Parse(text, formats); err != nil {
		q.statement = sqltext.Statement{Text: text}
		return statementError(err)
	}
	if strings.TrimSpace(q.statement.Text) == "" {
		return exception(codeSyntaxError, "Syntax error: Empty query. (SYNTAX_ERROR)")
	}
	return nil
}

func statementError(err error) error {
	if errors.Is(err, sqltext.ErrMulti) {
		return exception(codeSyntaxError, "Syntax error (Multi-statements are not allowed): send one statement per request. (SYNTAX_ERROR)")
	}
	return exception(codeNotImplemented, "%v: read the result from the response", err)
}

func blockCompression(method string) compress.Method {
	if strings.EqualFold(method, "ZSTD") {
		return compress.ZSTD
	}
	return compress.LZ4
}

func isOn(s string) bool { return s != "" && s != "0" && !strings.EqualFold(s, "false") }

// isName reports whether s can be written into SQL as a setting's name.
func isName(s string) bool {
	for i, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// first returns the first argument that is not empty.
func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
