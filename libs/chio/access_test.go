package chio

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

func accessOptions(cluster string) AccessOptions {
	o := AccessOptions{Cluster: cluster, AnalystSeries: "eia.%", Passwords: map[string]string{}}
	for _, name := range append(event.Services(), Operator, Analyst, Migrator) {
		o.Passwords[name] = "password of " + name
	}
	return o
}

// The golden files show what a server and a cluster get.
func TestRenderedAccess(t *testing.T) {
	for name, cluster := range map[string]string{"access": "", "access_cluster": "bellwether"} {
		got, err := renderAccess(DefaultConfig(), accessOptions(cluster))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".sql")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("rendered access mismatch, -update writes it (-want +got):\n%s", diff)
		}
		if n, m := strings.Count(got, " ON CLUSTER 'bellwether'"), len(regexp.MustCompile(`;(?m)$`).FindAllString(got, -1)); cluster != "" && n != m {
			t.Errorf("%d of %d statements run on the cluster", n, m)
		}
	}
}

// The engine cannot run these statements, but it has the parser of a server.
func TestAccessIsSQL(t *testing.T) {
	s := open(t)
	for _, cluster := range []string{"", "bellwether"} {
		statements, err := AccessStatements(DefaultConfig(), accessOptions(cluster))
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range statements {
			var formatted string
			err := s.conn.QueryRow(t.Context(), "SELECT formatQuerySingleLine({q:String})", clickhouse.Named("q", statement)).Scan(&formatted)
			if verb, _, _ := strings.Cut(firstLine(statement), " "); err != nil || !strings.HasPrefix(formatted, verb) {
				t.Errorf("%v: %s\nis read as %s", err, statement, formatted)
			}
		}
	}
}

// A table that nobody may write, that two may write or that a policy forgot is a mistake. The truth is the schema, and
// the document that says who writes what.
func TestAccessCoversTheSchema(t *testing.T) {
	tables := schema(t, open(t))
	writers := map[string]string{}
	for _, service := range services() {
		for _, table := range service.Writes {
			if writers[table] != "" {
				t.Errorf("%s and %s write %s", writers[table], service.Name, table)
			}
			writers[table] = service.Name
		}
		for _, table := range append(service.Reads, service.Writes...) {
			if tables[table] == nil {
				t.Errorf("%s has a grant on %s, which does not exist", service.Name, table)
			}
		}
	}
	documented := map[string]string{}
	for name, text := range sections(t) {
		if m := regexp.MustCompile(`Written by the (\w+)\.`).FindStringSubmatch(text); m != nil && name != "query_log" {
			documented[name] = m[1]
		}
	}
	if diff := cmp.Diff(documented, writers); diff != "" {
		t.Errorf("writers mismatch (-document +grants):\n%s", diff)
	}
	rendered, err := renderAccess(DefaultConfig(), AccessOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for table, columns := range tables {
		series := slices.ContainsFunc(columns, func(c [2]string) bool { return c[0] == "series" })
		for _, policy := range []string{"analyst", "others"} {
			want := series && !strings.HasPrefix(table, "v_")
			if has := strings.Contains(rendered, fmt.Sprintf("ALTER ROW POLICY bellwether_%s ON bellwether.%s FOR", policy, table)); has != want {
				t.Errorf("policy %s on %s: %v, want %v", policy, table, has, want)
			}
		}
	}
	if strings.Contains(rendered, "CREATE USER") {
		t.Error("users without passwords")
	}
}

// The oracle is ClickHouse's document: the hash is SHA-256 of the password followed by the salt.
func TestAccessUser(t *testing.T) {
	u, other := newAccessUser("bellwether", Analyst, "secret"), newAccessUser("bellwether", Operator, "secret")
	sum := sha256.Sum256([]byte("secret" + u.Salt))
	if u.Hash != hex.EncodeToString(sum[:]) || u.Profile != "analyst" {
		t.Errorf("user %+v", u)
	}
	if u.Salt == other.Salt || u.Hash == other.Hash {
		t.Error("two users share a salt")
	}
	if again := newAccessUser("bellwether", Analyst, "secret"); again != u {
		t.Errorf("a repeated run makes another user: %+v and %+v", u, again)
	}
}

func TestAccessRefuses(t *testing.T) {
	_, err := AccessStatements(DefaultConfig(), AccessOptions{Cluster: "a'b", Passwords: map[string]string{"eve": "x", Analyst: ""}})
	for _, want := range []string{"cluster", `"eve"`, "password of analyst is empty"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if got, err := renderAccess(DefaultConfig(), AccessOptions{AnalystSeries: `a'\`}); err != nil || !strings.Contains(got, `LIKE 'a\'\\' AS`) {
		t.Errorf("a pattern with quotes is written as it is: %v", err)
	}
	if err := Access(t.Context(), config(t), AccessOptions{}); err == nil || !strings.Contains(err.Error(), "the embedded store has no users") {
		t.Errorf("Access on the embedded store: %v, want advice", err)
	}
}
