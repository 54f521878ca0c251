package chio

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// The golden files show the DDL as a server and a cluster get it.
func TestRenderedMigrations(t *testing.T) {
	for name, d := range map[string]ddl{"plain": {}, "cluster": {cluster: "bellwether"}} {
		t.Run(name, func(t *testing.T) {
			scripts, err := d.render()
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			b.WriteString(d.CreateTable(versionTable) + ";\n")
			for _, s := range scripts {
				b.WriteString("\n-- " + s.name + "\n" + s.sql)
			}
			path := filepath.Join("testdata", name+".sql")
			if *update {
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("rendered DDL mismatch, -update writes it (-want +got):\n%s", diff)
			}
		})
	}
}

// A cluster differs from one server in engines, ON CLUSTER and the deduplication setting, and in nothing else.
func TestClusterDiffersOnlyInReplication(t *testing.T) {
	plain, err := ddl{}.render()
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := ddl{cluster: "bw"}.render()
	if err != nil {
		t.Fatal(err)
	}
	undo := strings.NewReplacer(
		" ON CLUSTER 'bw'", "",
		"ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', ", "ReplacingMergeTree(",
		"ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')", "ReplacingMergeTree()",
		" replicated_deduplication_window", " non_replicated_deduplication_window",
	)
	for i := range plain {
		if diff := cmp.Diff(plain[i].sql, undo.Replace(cluster[i].sql)); diff != "" {
			t.Errorf("%s (-plain +cluster):\n%s", plain[i].name, diff)
		}
		statements := strings.Count(cluster[i].sql, "CREATE ") + strings.Count(cluster[i].sql, "ALTER TABLE ")
		if n := strings.Count(cluster[i].sql, " ON CLUSTER 'bw'"); n != statements {
			t.Errorf("%s: %d of %d statements run on the cluster", cluster[i].name, n, statements)
		}
	}
}
