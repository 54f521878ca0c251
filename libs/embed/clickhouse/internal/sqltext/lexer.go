package sqltext

import "strings"

// kind is the class of a token. Comments and white space are no tokens.
type kind uint8

const (
	end    kind = iota
	word        // bare identifier, keyword or number
	quoted      // string, quoted identifier or heredoc
	punct       // any other single byte
)

// token is a slice [from, to) of the text.
type token struct {
	kind     kind
	from, to int
}

// lexer cuts ClickHouse SQL into tokens. It knows just enough of the grammar
// to never mistake quoted text or a comment for code.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) next() token {
	l.skipBlank()
	from := l.pos
	if from >= len(l.text) {
		return token{kind: end, from: from, to: from}
	}
	switch c := l.text[from]; {
	case isWord(c):
		for l.pos < len(l.text) && isWord(l.text[l.pos]) {
			l.pos++
		}
		return token{kind: word, from: from, to: l.pos}
	case c == '\'' || c == '"' || c == '`':
		l.skipQuoted(c)
		return token{kind: quoted, from: from, to: l.pos}
	case c == '$' && l.skipHeredoc():
		return token{kind: quoted, from: from, to: l.pos}
	}
	l.pos++
	return token{kind: punct, from: from, to: l.pos}
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

// skipBlank passes white space and comments: "-- ", "#!" and "# " to the end
// of the line, "/* */" without nesting.
func (l *lexer) skipBlank() {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v\x00", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "#!"), strings.HasPrefix(rest, "# "):
			l.skipTo(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			l.skipTo(rest[2:], "*/")
		default:
			return
		}
	}
}

// skipTo moves behind the next mark of rest, a tail of the text, or to the end.
func (l *lexer) skipTo(rest, mark string) {
	if i := strings.Index(rest, mark); i >= 0 {
		l.pos = len(l.text) - len(rest) + i + len(mark)
		return
	}
	l.pos = len(l.text)
}

// skipQuoted passes text in quote characters q; a backslash or a doubled q
// keeps it open.
func (l *lexer) skipQuoted(q byte) {
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\\':
			l.pos++
		case q:
			if l.pos+1 < len(l.text) && l.text[l.pos+1] == q {
				l.pos++
				continue
			}
			l.pos++
			return
		}
	}
	l.pos = len(l.text)
}

// skipHeredoc passes $tag$ text $tag$ and reports whether there was one.
func (l *lexer) skipHeredoc() bool {
	rest := l.text[l.pos:]
	n := 1
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	if n == len(rest) || rest[n] != '$' {
		return false
	}
	tag := rest[:n+1]
	if !strings.Contains(rest[len(tag):], tag) {
		return false
	}
	l.skipTo(rest[len(tag):], tag)
	return true
}
