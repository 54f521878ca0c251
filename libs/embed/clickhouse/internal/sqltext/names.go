package sqltext

import "strings"

// Name is an identifier or a keyword of a statement.
type Name struct {
	Text string // without quotes
	Call bool   // a bracket follows, as behind the name of a function
}

// Names lists the identifiers and keywords of text in order. The text must be
// one that the engine formatted: it has no comments, no blanks and quotes
// beyond ASCII, and no escapes in a quoted identifier that could be written
// without.
func Names(text string) []Name {
	var list []Name
	l := lexer{text: text}
	named := false // the token before was a name
	for tok := l.next(); tok.kind != end; tok = l.next() {
		isName := tok.kind == word || tok.kind == quoted && text[tok.from] == '`'
		switch {
		case isName:
			list = append(list, Name{Text: strings.Trim(text[tok.from:tok.to], "`")})
		case named && text[tok.from] == '(':
			list[len(list)-1].Call = true
		}
		named = isName
	}
	return list
}

// Literal is a string at [From, To) of a text.
type Literal struct {
	Value    string // without quotes, escapes as they are written
	From, To int
}

// Strings lists the strings of text that are in single quotes.
func Strings(text string) []Literal {
	var list []Literal
	l := lexer{text: text}
	for tok := l.next(); tok.kind != end; tok = l.next() {
		if tok.kind == quoted && text[tok.from] == '\'' && tok.to >= tok.from+2 {
			list = append(list, Literal{Value: text[tok.from+1 : tok.to-1], From: tok.from, To: tok.to})
		}
	}
	return list
}
