package match_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/match"
)

// The oracle is Alertmanager's documentation of matchers: regular expressions are anchored, and a label that is not
// there equals the empty text.
func TestSetMatches(t *testing.T) {
	a := &event.Alert{Name: "consumer_stalled", Severity: event.Warning, Class: event.Operational, Labels: map[string]string{"service": "trainer", "odd": "a\nb"}}
	for text, want := range map[string]bool{
		`name="consumer_stalled"`:          true,
		`name=consumer_stalled`:            true,
		` name = "consumer_stalled" `:      true,
		`name="consumer"`:                  false,
		`name!="consumer"`:                 true,
		`name!="consumer_stalled"`:         false,
		`name=~"consumer_.*"`:              true,
		`name=~"consumer"`:                 false,
		`name=~"stalled|consumer_stalled"`: true,
		`name!~"consumer"`:                 true,
		`name!~".*stalled"`:                false,
		`severity=~"warning|critical"`:     true,
		`class="operational"`:              true,
		`absent=""`:                        true,
		`absent!=""`:                       false,
		`absent=~".*"`:                     true,
		`absent=~".+"`:                     false,
		`absent!~".+"`:                     true,
		`absent!="x"`:                      true,
		`odd=~"a.b"`:                       true,
		`odd="a\nb"`:                       true,
	} {
		set, err := match.ParseAll(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := set.Matches(a); got != want {
			t.Errorf("%s matches: %t, want %t", text, got, want)
		}
	}
	both, err := match.ParseAll(`service="trainer"`, `name="other"`)
	if err != nil || both.Matches(a) {
		t.Errorf("one of two matchers holds and the set does (%v)", err)
	}
	if !(match.Set{}).Matches(a) {
		t.Error("the empty set does not match")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "name", `="x"`, `name=="x"`, `na-me="x"`, `name="x`, `name=x"y`, `name=~"("`, `1a="x"`} {
		if m, err := match.Parse(text); err == nil {
			t.Errorf("%q is read as %s", text, m)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	want, err := match.ParseAll(`a="b\"c"`, `d!="e"`, `f=~"g.*"`, `h!~"i|j"`)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got match.Set
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(match.Matcher{})); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if !got.Matches(&event.Alert{Labels: map[string]string{"a": `b"c`, "f": "gx", "h": "k"}}) {
		t.Error("what was read back does not match")
	}
}

func TestEverything(t *testing.T) {
	for text, want := range map[string]bool{`a=""`: true, `a=~".*"`: true, `a!="x"`: true, `a="x"`: false, `a=~".+"`: false} {
		set, err := match.ParseAll(text)
		if err != nil || set.Everything() != want {
			t.Errorf("%s: everything is %t, want %t (%v)", text, set.Everything(), want, err)
		}
	}
}
