// Package sqltext finds the shape of a ClickHouse statement: what kind it is,
// which format its data has and whether there is one statement or several. It
// does not check the statement; that is the engine's task.
package sqltext

import (
	"errors"
	"strings"
)

// ErrMulti says that the text holds more than one statement.
var ErrMulti = errors.New("multi-statements are not allowed")

// ErrOutfile says that a query wants to write a file of the server.
var ErrOutfile = errors.New("INTO OUTFILE is not allowed")

// Kind says how a statement is run.
type Kind uint8

const (
	// Other is a statement with an empty or a small result, such as DDL and SHOW.
	Other Kind = iota
	// Query is SELECT or WITH: the result may be large.
	Query
	// Insert is INSERT whose rows come as data, in the text or after it.
	Insert
	// Session is a statement whose effect outlives it on its connection: SET,
	// USE, temporary tables.
	Session
)

// Statement is one analysed statement. The strings are parts of the text.
type Statement struct {
	Kind Kind
	// Text is the statement without a final semicolon.
	Text string
	// ReadOnly is true for statements that change nothing.
	ReadOnly bool
	// Format is the name after FORMAT, "Values" for INSERT ... VALUES and for
	// INSERT without a format, "" for other statements without one.
	Format string
	// Head and Data are set for Insert: the statement up to its format clause
	// and the rows that follow the clause in the text.
	Head, Data string
}

// Formats is the set of the format names of the engine, in lower case. A word
// after FORMAT that is not in the set is no format: format is also a legal
// column name.
type Formats map[string]struct{}

func (f Formats) has(name string) bool {
	_, ok := f[strings.ToLower(name)]
	return ok
}

// Parse analyses text. It returns ErrMulti, ErrOutfile or nil.
func Parse(text string, formats Formats) (Statement, error) {
	p := parser{lexer: lexer{text: text}, formats: formats}
	p.advance()
	s := Statement{Kind: p.kind(), ReadOnly: p.readOnly(), Text: text}
	if s.Kind == Insert {
		return p.insert(s)
	}
	return p.plain(s)
}

// parser walks the tokens and keeps the nesting depth of brackets.
type parser struct {
	lexer   lexer
	formats Formats
	tok     token
	depth   int
}

func (p *parser) advance() {
	p.tok = p.lexer.next()
	if p.tok.kind == punct {
		switch p.lexer.text[p.tok.from] {
		case '(', '[', '{':
			p.depth++
		case ')', ']', '}':
			p.depth--
		}
	}
}

// is reports whether the token is one of the keywords, outside of brackets.
func (p *parser) is(keywords ...string) bool {
	if p.tok.kind != word || p.depth != 0 {
		return false
	}
	for _, k := range keywords {
		if strings.EqualFold(p.value(), k) {
			return true
		}
	}
	return false
}

func (p *parser) value() string { return p.lexer.text[p.tok.from:p.tok.to] }

func (p *parser) isPunct(c byte) bool {
	return p.tok.kind == punct && p.lexer.text[p.tok.from] == c
}

func (p *parser) kind() Kind {
	for p.isPunct('(') { // (SELECT 1) UNION ALL (SELECT 2)
		p.advance()
		p.depth = 0
	}
	switch {
	case p.is("SELECT", "WITH"):
		return Query
	case p.is("INSERT"):
		return Insert
	case p.is("SET", "USE", "BEGIN", "COMMIT", "ROLLBACK"):
		return Session
	case p.is("CREATE", "REPLACE", "DROP", "DETACH", "ATTACH") && p.temporary():
		return Session
	}
	return Other
}

// temporary looks for CREATE [OR REPLACE] TEMPORARY without moving.
func (p *parser) temporary() bool {
	ahead := *p
	for range 3 {
		ahead.advance()
		if ahead.is("TEMPORARY", "TEMP") {
			return true
		}
	}
	return false
}

func (p *parser) readOnly() bool {
	return p.is("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK")
}

// plain finds the FORMAT clause and the end of a statement other than INSERT.
func (p *parser) plain(s Statement) (Statement, error) {
	for ; p.tok.kind != end; p.advance() {
		switch {
		case p.isPunct(';'):
			var err error
			s.Text, err = p.finish()
			return s, err
		case p.is("OUTFILE") && s.Kind == Query:
			return s, ErrOutfile
		case p.is("FORMAT"):
			if name, ok := p.format(); ok {
				s.Format = name
			}
		}
	}
	return s, nil
}

// format returns the known format name after the FORMAT token, without moving.
func (p *parser) format() (string, bool) {
	ahead := *p
	ahead.advance()
	if ahead.tok.kind == word && p.formats.has(ahead.value()) {
		return ahead.value(), true
	}
	return "", false
}

// finish stands at a semicolon. Only semicolons and comments may follow.
func (p *parser) finish() (string, error) {
	text := p.lexer.text[:p.tok.from]
	for p.isPunct(';') {
		p.advance()
	}
	if p.tok.kind != end {
		return text, ErrMulti
	}
	return text, nil
}

// insert finds where the data of an INSERT starts. INSERT ... SELECT has none
// and becomes Other.
func (p *parser) insert(s Statement) (Statement, error) {
	for ; p.tok.kind != end; p.advance() {
		switch {
		case p.is("SELECT", "WITH", "WATCH", "INFILE"):
			s.Kind = Other
			return p.plain(s)
		case p.is("VALUES"):
			return p.values(s)
		case p.is("FORMAT"):
			name, ok := p.format()
			if !ok {
				continue
			}
			s.Format, s.Head = name, p.lexer.text[:p.tok.from]
			p.advance()
			s.Data = skipLineEnd(p.lexer.text[p.tok.to:])
			return s, nil
		case p.isPunct(';'):
			var err error
			s.Format = "Values"
			s.Head, err = p.finish()
			return s, err
		}
	}
	s.Format, s.Head = "Values", s.Text
	return s, nil
}

// values takes the rest of the text as rows in SQL syntax, in which a
// semicolon ends the statement.
func (p *parser) values(s Statement) (Statement, error) {
	s.Format, s.Head = "Values", p.lexer.text[:p.tok.from]
	from := p.tok.to
	for ; p.tok.kind != end; p.advance() {
		if p.isPunct(';') {
			var err error
			s.Text, err = p.finish()
			s.Data = strings.TrimSpace(s.Text[from:])
			return s, err
		}
	}
	s.Data = strings.TrimSpace(s.Text[from:])
	return s, nil
}

// skipLineEnd drops what separates a format name from its data: an optional
// semicolon, blanks and one line end.
func skipLineEnd(data string) string {
	data = strings.TrimPrefix(strings.TrimLeft(data, " \t\f\r"), ";")
	data = strings.TrimLeft(data, " \t\f\r")
	return strings.TrimPrefix(data, "\n")
}
