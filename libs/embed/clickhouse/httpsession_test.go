package clickhouse_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// session returns how to post to an HTTP session of the test's own.
func session(t *testing.T) func(query, params string) answer {
	t.Helper()
	id := t.Name()
	return func(query, params string) answer {
		values, err := url.ParseQuery(params)
		if err != nil {
			t.Fatal(err)
		}
		values.Set("session_id", id)
		return post(t, query, values, nil)
	}
}

// The oracle is the documented behaviour of sessions of a server.
func TestSessionKeepsState(t *testing.T) {
	ask := session(t)
	for _, step := range []struct{ query, params, want string }{
		{query: "SET max_block_size = 77"},
		{query: "CREATE TEMPORARY TABLE tmp (x UInt8)"},
		{query: "INSERT INTO tmp VALUES (5)"},
		{query: "SELECT x FROM tmp", want: "5\n"},
		{query: "SELECT getSetting('max_block_size')", want: "77\n"},
		{query: "SELECT getSetting('max_block_size'), getSetting('max_threads')", params: "max_block_size=5&max_threads=1", want: "5\t1\n"},
		{query: "SELECT getSetting('max_block_size')", want: "77\n"}, // what came by URL was for one request
		{query: "SELECT currentDatabase()", params: "database=system", want: "system\n"},
		{query: "SELECT currentDatabase()", want: "default\n"},
		{query: "USE system"},
		{query: "SELECT currentDatabase()", want: "system\n"},
		{query: "SELECT 1", params: "session_check=1&close_session=1", want: "1\n"},
	} {
		if a := ask(step.query, step.params); a.status != http.StatusOK || a.body != step.want {
			t.Fatalf("%s %s: status %d, body %q, want %q", step.query, step.params, a.status, a.body, step.want)
		}
	}
	if a := ask("SELECT 1", "session_check=1"); a.code != "372" {
		t.Errorf("after it was closed: code %q, want 372", a.code)
	}
	if a := ask("SELECT x FROM tmp", ""); a.code != "60" {
		t.Errorf("a new session has the table of an old one: %+v", a)
	}
}

func TestSessionIsAlone(t *testing.T) {
	ask := session(t)
	ask("SET max_block_size = 77", "")
	for _, body := range []string{post(t, "SELECT getSetting('max_block_size')", nil, nil).body, post(t, "SELECT getSetting('max_block_size')", url.Values{"session_id": {"another"}}, nil).body} {
		if body != "65409\n" {
			t.Errorf("outside of the session the setting is %q", body)
		}
	}
	for name, tc := range map[string]struct{ params, code string }{
		"long timeout": {params: "session_timeout=3601", code: "374"}, "bad timeout": {params: "session_timeout=x", code: "374"},
		"unknown setting": {params: "nosuch=1", code: "115"},
	} {
		if a := ask("SELECT 1", tc.params); a.code != tc.code {
			t.Errorf("%s: code %q, want %s", name, a.code, tc.code)
		}
	}
}

func TestSessionIsLocked(t *testing.T) {
	ask := session(t)
	g := errgroup.Group{}
	g.Go(func() error {
		if a := ask("SELECT sleep(1), 'locked'", ""); a.body != "0\tlocked\n" {
			return fmt.Errorf("answer %q", a.body)
		}
		return nil
	})
	waitForStatements(t, "SELECT sleep(1), 'locked'", 1)
	if a := ask("SELECT 1", ""); a.code != "373" {
		t.Errorf("a second request in a session: code %q, want 373", a.code)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestSessionExpires(t *testing.T) {
	ask := session(t)
	ask("SELECT 1", "session_timeout=0")
	deadline := time.Now().Add(10 * time.Second)
	for a := (answer{}); a.code != "372"; {
		if a = ask("SELECT 1", "session_check=1&session_timeout=0"); time.Now().After(deadline) {
			t.Fatalf("a session without a timeout goes on: %+v", a)
		}
	}
}

func TestTooManySessionsEndTheOldest(t *testing.T) {
	for i := range 70 {
		if a := post(t, "SELECT 1", url.Values{"session_id": {fmt.Sprintf("%s-%d", t.Name(), i)}}, nil); a.body != "1\n" {
			t.Fatal(a.body)
		}
	}
	if a := post(t, "SELECT 1", url.Values{"session_id": {t.Name() + "-0"}, "session_check": {"1"}}, nil); a.code != "372" {
		t.Errorf("the first of 70 sessions: code %q, want 372", a.code)
	}
	if a := post(t, "SELECT 1", url.Values{"session_id": {t.Name() + "-69"}, "session_check": {"1"}}, nil); a.code != "" {
		t.Errorf("the last session: %s", a.body)
	}
}

// Clients tell several sessions to a reader, too.
func TestAnalystMayNameASession(t *testing.T) {
	for range 2 {
		if a := asAnalyst(t, "SELECT getSetting('readonly')", url.Values{"session_id": {t.Name()}}); a.body != "1\n" {
			t.Errorf("answer %q", a.body)
		}
	}
}

func TestKillByID(t *testing.T) {
	const endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(rand(number), 'by ID')"
	g := errgroup.Group{}
	g.Go(func() error {
		if a := post(t, endless, url.Values{"query_id": {"it is me"}}, nil); a.code != "394" {
			return fmt.Errorf("code %q of the killed statement, want 394; %.200s", a.code, a.body)
		}
		return nil
	})
	waitForStatements(t, endless, 1)
	if a := post(t, "SELECT 1", url.Values{"query_id": {"it is me"}}, nil); a.code != "216" {
		t.Errorf("a second statement with the ID: code %q, want 216", a.code)
	}
	if a := mustPost(t, "KILL QUERY WHERE query_id = 'nobody'", nil); a.body != "" {
		t.Errorf("killed nobody: %q", a.body)
	}
	if a := post(t, "KILL QUERY WHERE query_id = 'it is me' SYNC", nil, nil); a.code != "48" {
		t.Errorf("SYNC: %+v, want it refused", a)
	}
	if a := mustPost(t, "KILL QUERY WHERE query_id IN ('it is me', 'nobody') ASYNC", nil); !strings.HasPrefix(a.body, "waiting\t") {
		t.Errorf("KILL answers %q", a.body)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestReplaceRunningQuery(t *testing.T) {
	const endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(rand(number), 'replaced')"
	id := url.Values{"query_id": {t.Name()}, "replace_running_query": {"1"}}
	g := errgroup.Group{}
	g.Go(func() error {
		if a := post(t, endless, url.Values{"query_id": id["query_id"]}, nil); a.code != "394" {
			return fmt.Errorf("code %q of the replaced statement, want 394; %.200s", a.code, a.body)
		}
		return nil
	})
	waitForStatements(t, endless, 1)
	if a := post(t, "SELECT 1", id, nil); a.body != "1\n" {
		t.Errorf("the replacement answers %+v", a)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
