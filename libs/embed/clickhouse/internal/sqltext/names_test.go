package sqltext

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	got := Names("SELECT `VALUES`(1), a.b, 'file(' AS `x y` FROM merge('a', `t`) APPLY file (2)")
	want := []Name{
		{Text: "SELECT"},
		{Text: "VALUES", Call: true},
		{Text: "1"},
		{Text: "a"},
		{Text: "b"},
		{Text: "AS"},
		{Text: "x y"},
		{Text: "FROM"},
		{Text: "merge", Call: true},
		{Text: "t"},
		{Text: "APPLY"},
		{Text: "file", Call: true},
		{Text: "2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names mismatch (-want +got):\n%s", diff)
	}
}

func TestStrings(t *testing.T) {
	const text = "KILL QUERY WHERE query_id = 'a' AND `b` != '' -- 'c'\n OR x = '"
	want := []Literal{{Value: "a", From: 28, To: 31}, {Value: "", From: 43, To: 45}}
	if diff := cmp.Diff(want, Strings(text)); diff != "" {
		t.Errorf("strings mismatch (-want +got):\n%s", diff)
	}
}
