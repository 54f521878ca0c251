package sqltext

import "strings"

// Verb is the first word of the statement, as a server writes the kind of a
// query: "Select", "Insert". It is empty for a text that begins otherwise.
func (s Statement) Verb() string {
	words := s.words(1)
	if len(words) == 0 {
		return ""
	}
	switch verb := strings.ToUpper(words[0]); verb {
	case "WITH":
		return "Select"
	case "DESC":
		return "Describe"
	default:
		return verb[:1] + strings.ToLower(verb[1:])
	}
}

// Is reports whether the statement begins with the keywords.
func (s Statement) Is(keywords ...string) bool {
	words := s.words(len(keywords))
	if len(words) < len(keywords) {
		return false
	}
	for i, k := range keywords {
		if !strings.EqualFold(words[i], k) {
			return false
		}
	}
	return true
}

// words are the first words, at most n, less brackets around them.
func (s Statement) words(n int) []string {
	var list []string
	l := lexer{text: s.Text}
	for len(list) < n {
		tok := l.next()
		switch {
		case tok.kind == word:
			list = append(list, s.Text[tok.from:tok.to])
		case tok.kind != punct || s.Text[tok.from] != '(' || len(list) > 0:
			return list
		}
	}
	return list
}
