package natsio_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func TestProvision(t *testing.T) {
	s := openServer(t)
	b := connect(t, s.URL())
	ctx := t.Context()
	provision := func(o natsio.ProvisionOptions) []string {
		t.Helper()
		changes, err := natsio.Provision(ctx, b, o)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, c := range changes {
			lines = append(lines, c.String())
		}
		return lines
	}
	streams, buckets := natsio.Layout()
	all := len(streams) + len(buckets)
	if got := provision(natsio.ProvisionOptions{DryRun: true}); len(got) != all {
		t.Errorf("dry run on an empty bus: %d changes, want %d: %v", len(got), all, got)
	}
	if got := provision(natsio.ProvisionOptions{}); len(got) != all {
		t.Errorf("first run: %d changes, want %d: %v", len(got), all, got)
	}
	if got := provision(natsio.ProvisionOptions{}); len(got) != 0 {
		t.Errorf("second run: %v, want no changes", got)
	}

	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(ctx, wire.StreamAlert)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxAge = time.Hour
	cfg.Compression = jetstream.S2Compression // not ours to decide
	if _, err := js.UpdateStream(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	got := provision(natsio.ProvisionOptions{})
	if want := "update stream BW_ALERT max_age 1h0m0s -> 720h0m0s"; len(got) != 1 || got[0] != want {
		t.Errorf("after a manual change: %v, want %s", got, want)
	}
	if stream, err = js.Stream(ctx, wire.StreamAlert); err != nil {
		t.Fatal(err)
	}
	if c := stream.CachedInfo().Config.Compression; c != jetstream.S2Compression {
		t.Errorf("compression is %v, want what the operator chose", c)
	}
	if stream, err = js.Stream(ctx, wire.StreamEvent); err != nil {
		t.Fatal(err)
	}
	if m := stream.CachedInfo().Config.PersistMode; m != jetstream.AsyncPersistMode {
		t.Errorf("persist mode of BW_EVENT is %v, want async", m)
	}
	if _, err := natsio.Provision(ctx, b, natsio.ProvisionOptions{Replicas: 6}); err == nil {
		t.Error("Provision with 6 replicas returned nil")
	}
}

// Every stream and bucket has its limits, and together they fit the embedded server.
func TestLayoutLimits(t *testing.T) {
	streams, buckets := natsio.Layout()
	var total int64
	for _, s := range streams {
		if s.MaxAge <= 0 && s.MaxPerSubject <= 0 || s.MaxBytes <= 0 || s.Duplicates <= 0 {
			t.Errorf("%s: max age %s, %d per subject, max bytes %d, duplicates %s, want all set", s.Name, s.MaxAge, s.MaxPerSubject, s.MaxBytes, s.Duplicates)
		}
		total += s.MaxBytes
	}
	for _, k := range buckets {
		if k.MaxBytes <= 0 {
			t.Errorf("%s: no limit in bytes", k.Name)
		}
		total += k.MaxBytes
	}
	if total > natsserver.DefaultMaxStore {
		t.Errorf("streams and buckets may take %d bytes, the embedded server has %d", total, int64(natsserver.DefaultMaxStore))
	}
}

var update = flag.Bool("update", false, "rewrite the tables of docs/subjects.md")

const subjectsPath = "../../docs/subjects.md"

// The limits in docs/subjects.md are those of Layout, and all subjects of package wire are described.
func TestSubjectsDocument(t *testing.T) {
	data, err := os.ReadFile(subjectsPath)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	want, err := replaceLimits(doc, limitsTable())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(subjectsPath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		doc = want
	}
	if doc != want {
		t.Errorf("%s does not have the limits of Layout; run this test with -update. They are:\n%s", subjectsPath, limitsTable())
	}
	for _, subject := range []string{
		"bw.obs.raw.<source>.<key>", "bw.obs.valid.<source>.<key>", "bw.job.train.<source>.<key>", "bw.model.<source>.<key>",
		"bw.forecast.<source>.<key>", "bw.event.<kind>.<service>", "bw.alert.<severity>.<class>.<name>",
		"bw.sched.plan.<name>", "bw.sched.due.<name>", "bw.dlq.<stream>.<consumer>", "bw.ctl.<service>.<verb>",
	} {
		if !strings.Contains(doc, "`"+subject+"`") {
			t.Errorf("%s does not describe %s", subjectsPath, subject)
		}
	}
	for _, header := range []string{
		natsio.HeaderReasonClass, natsio.HeaderReason, natsio.HeaderStage, natsio.HeaderSubject, natsio.HeaderMessageID,
		natsio.HeaderAttempts, natsio.HeaderStream, natsio.HeaderStreamSeq, natsio.HeaderFailedAt,
	} {
		if !strings.Contains(doc, "`"+header+"`") {
			t.Errorf("%s does not describe the header %s", subjectsPath, header)
		}
	}
}

func limitsTable() string {
	var b strings.Builder
	streams, buckets := natsio.Layout()
	b.WriteString("| name | holds | subjects | limits |\n|---|---|---|---|\n")
	for _, s := range streams {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s |\n", s.Name, s.Description, strings.Join(s.Subjects, "`, `"), s)
	}
	for _, k := range buckets {
		kind := "key-value"
		if k.Objects {
			kind = "object store"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Description, kind, k)
	}
	return b.String()
}

// replaceLimits puts table between the two marks of doc.
func replaceLimits(doc, table string) (string, error) {
	const begin, end = "<!-- limits: begin -->\n", "<!-- limits: end -->"
	i, j := strings.Index(doc, begin), strings.Index(doc, end)
	if i < 0 || j < i {
		return "", fmt.Errorf("%s: marks %q and %q not found", subjectsPath, strings.TrimSpace(begin), end)
	}
	return doc[:i+len(begin)] + table + doc[j:], nil
}
