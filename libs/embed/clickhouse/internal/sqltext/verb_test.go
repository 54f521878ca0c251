package sqltext

import "testing"

func TestVerb(t *testing.T) {
	for text, want := range map[string]string{
		"select 1": "Select", "/* x */ ((SELECT 1))": "Select", "WITH 1 AS x SELECT x": "Select", "insert into t": "Insert",
		"desc t": "Describe", "CREATE TABLE x": "Create", "": "", "'x'": "", "; SELECT 1": "",
	} {
		if got := (Statement{Text: text}).Verb(); got != want {
			t.Errorf("verb of %q is %q, want %q", text, got, want)
		}
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{"system flush /**/ logs": true, "SYSTEM FLUSH LOGS query_log": true, "SYSTEM FLUSH": false, "SYSTEM FLUSH 'logs'": false} {
		if got := (Statement{Text: text}).Is("SYSTEM", "FLUSH", "LOGS"); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
