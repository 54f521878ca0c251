package clickhouse_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"
)

const observations = "(series LowCardinality(String), ts DateTime('UTC'), value Float64, known_at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY (series, ts)"

func TestLargeInsertAndSelect(t *testing.T) {
	const n = 100_000
	conn := client(t, nil)
	table := create(t, conn, observations)
	want := columns(n)
	want.send(t.Context(), t, conn, table)

	rows, err := conn.Query(t.Context(), "SELECT series, ts, value, known_at FROM "+table+" ORDER BY ts")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	i := 0
	for ; rows.Next(); i++ {
		var series string
		var ts, known time.Time
		var value float64
		if err := rows.Scan(&series, &ts, &value, &known); err != nil {
			t.Fatal(err)
		}
		if series != want.series[i] || !ts.Equal(want.ts[i]) || value != want.value[i] || !known.Equal(want.known[i]) {
			t.Fatalf("row %d is %s %v %v %v, want %s %v %v %v", i, series, ts, value, known, want.series[i], want.ts[i], want.value[i], want.known[i])
		}
	}
	if err := rows.Err(); err != nil || i != n {
		t.Errorf("read %d rows, error %v; want %d rows", i, err, n)
	}
}

func TestDeduplicationToken(t *testing.T) {
	for name, tc := range map[string]struct {
		tokens []string
		async  bool // leave async_insert at its default, which is on
		want   uint64
	}{
		"same data, two tokens": {tokens: []string{"a", "b"}, want: 20},
		"same data, one token":  {tokens: []string{"a", "a"}, want: 10},
		"three of two":          {tokens: []string{"a", "b", "a"}, want: 20},
		"default settings":      {tokens: []string{"a", "b", "a"}, async: true, want: 20},
	} {
		t.Run(name, func(t *testing.T) {
			conn := client(t, nil)
			table := create(t, conn, observations+" SETTINGS non_replicated_deduplication_window = 1000")
			batch := columns(10)
			for _, token := range tc.tokens {
				settings := ch.Settings{"insert_deduplication_token": token}
				if !tc.async {
					settings["async_insert"] = 0
				}
				ctx := ch.Context(t.Context(), ch.WithSettings(settings))
				batch.send(ctx, t, conn, table)
			}
			if got := count(t, conn, table); got != tc.want {
				t.Errorf("tokens %q left %d rows, want %d", tc.tokens, got, tc.want)
			}
		})
	}
}

func count(t *testing.T, conn ch.Conn, table string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConcurrentWritersAndReaders(t *testing.T) {
	const writers, batches, size = 12, 5, 200
	conn := client(t, func(o *ch.Options) { o.MaxOpenConns, o.MaxIdleConns = 2*writers, 2*writers })
	table := create(t, conn, observations)
	g, ctx := errgroup.WithContext(t.Context())
	for range writers {
		g.Go(func() error {
			batch := columns(size)
			for range batches {
				batch.send(ctx, t, conn, table)
			}
			return nil
		})
		g.Go(func() error {
			var n uint64
			return conn.QueryRow(ctx, "SELECT count() FROM "+table).Scan(&n)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := count(t, conn, table); got != writers*batches*size {
		t.Errorf("%d rows, want %d", got, writers*batches*size)
	}
}

func TestAsyncInsert(t *testing.T) {
	conn := client(t, nil)
	table := create(t, conn, "(id UInt32) ENGINE = MergeTree ORDER BY id")
	for i := range 3 {
		if err := conn.Exec(ch.Context(t.Context(), ch.WithAsync(true)), fmt.Sprintf("INSERT INTO %s VALUES (%d)", table, i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, conn, table); got != 3 {
		t.Errorf("%d rows, want 3", got)
	}
}

// A failed insert of a large body must answer the client, not cut it off, and
// must leave nothing behind.
func TestInsertFails(t *testing.T) {
	conn := client(t, nil)
	table := create(t, conn, "(id UInt32) ENGINE = MergeTree ORDER BY id")
	body := strings.Repeat("1\n", 100_000) + "x\n" + strings.Repeat("1\n", 4<<20)
	for name, tc := range map[string]struct {
		query, setting, code string
	}{
		"bad value":       {query: "INSERT INTO " + table + " FORMAT TSV", setting: "async_insert", code: "27"},
		"unknown table":   {query: "INSERT INTO nosuch FORMAT TSV", setting: "async_insert", code: "60"},
		"unknown setting": {query: "INSERT INTO " + table + " FORMAT TSV", setting: "nosuch", code: "115"},
	} {
		t.Run(name, func(t *testing.T) {
			a := post(t, tc.query, url.Values{tc.setting: {"0"}}, strings.NewReader(body))
			if a.code != tc.code {
				t.Errorf("exception code %q, want %s; body %.200s", a.code, tc.code, a.body)
			}
			if got := count(t, conn, table); got != 0 {
				t.Errorf("%d rows were inserted, want none", got)
			}
		})
	}
}

// The body is produced while it is sent: it can only arrive as a stream.
func TestInsertIsStreamed(t *testing.T) {
	const n = 2_000_000
	conn := client(t, nil)
	table := create(t, conn, "(id UInt32) ENGINE = MergeTree ORDER BY id")
	r, w := io.Pipe()
	g := errgroup.Group{}
	g.Go(func() error {
		var err error
		for i := 0; i < n && err == nil; i += 1000 {
			_, err = io.WriteString(w, strings.Repeat("5\n", 1000))
		}
		return w.CloseWithError(err)
	})
	a := post(t, "INSERT INTO "+table+" FORMAT TSV", nil, r)
	if err := g.Wait(); err != nil || a.status != http.StatusOK {
		t.Fatalf("status %d, error %v, body %.200s", a.status, err, a.body)
	}
	if got := count(t, conn, table); got != n {
		t.Errorf("%d rows, want %d", got, n)
	}
}

// Rows in the text of the statement do not count towards max_query_size.
func TestInsertOfManyValues(t *testing.T) {
	const n = 200_000
	conn := client(t, nil)
	table := create(t, conn, "(id UInt32) ENGINE = MergeTree ORDER BY id")
	if err := conn.Exec(t.Context(), "INSERT INTO "+table+" VALUES "+strings.Repeat("(1),", n-1)+"(1)"); err != nil {
		t.Fatal(err)
	}
	if got := count(t, conn, table); got != n {
		t.Errorf("%d rows, want %d", got, n)
	}
}

// Rows of a body that breaks off must not be committed: the client will send
// all of them again.
func TestInsertBreaksOff(t *testing.T) {
	conn := client(t, nil)
	table := create(t, conn, "(id UInt32) ENGINE = MergeTree ORDER BY id")
	query := "INSERT INTO " + table + " FORMAT TSV"
	r, w := io.Pipe()
	g := errgroup.Group{}
	g.Go(func() error {
		if _, err := io.WriteString(w, strings.Repeat("5\n", 200_000)); err != nil {
			return err
		}
		waitForStatements(t, "INSERT INTO "+table, 1)
		return w.CloseWithError(errors.New("the client breaks off"))
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/?"+url.Values{"query": {query}}.Encode(), r)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		res.Body.Close()
		t.Fatalf("status %s for a request that broke off", res.Status)
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	waitForStatements(t, "INSERT INTO "+table, 0)
	if got := count(t, conn, table); got != 0 {
		t.Errorf("%d rows were committed, want none", got)
	}
}
