package clickhouse_test

import (
	"database/sql"
	"math"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// allTypes has every column type of the project's tables, and each kind of
// nesting the rewriting of result blocks has to walk through.
const allTypes = `(
	id UInt32, lc LowCardinality(String), lcn LowCardinality(Nullable(String)), s String, fs FixedString(3),
	d DateTime('UTC'), ms DateTime64(3, 'UTC'), f Float64, f32 Float32,
	u8 UInt8, u16 UInt16, u64 UInt64, i64 Int64, b Bool,
	strs Array(String), floats Array(Float64), labels Array(LowCardinality(String)), nested Array(Array(UInt8)),
	m Map(String, String), ml Map(LowCardinality(String), UInt64),
	e Enum8('low, or' = 1, 'it\'s' = 2), n Nullable(Float64), ns Nullable(String),
	t Tuple(a String, b Nullable(UInt8)), dec Decimal(18, 4), u UUID
) ENGINE = MergeTree ORDER BY id`

type row struct {
	ID     uint32            `ch:"id"`
	LC     string            `ch:"lc"`
	LCN    *string           `ch:"lcn"`
	S      string            `ch:"s"`
	FS     string            `ch:"fs"`
	D      time.Time         `ch:"d"`
	MS     time.Time         `ch:"ms"`
	F      float64           `ch:"f"`
	F32    float32           `ch:"f32"`
	U8     uint8             `ch:"u8"`
	U16    uint16            `ch:"u16"`
	U64    uint64            `ch:"u64"`
	I64    int64             `ch:"i64"`
	B      bool              `ch:"b"`
	Strs   []string          `ch:"strs"`
	Floats []float64         `ch:"floats"`
	Labels []string          `ch:"labels"`
	Nested [][]uint8         `ch:"nested"`
	M      map[string]string `ch:"m"`
	ML     map[string]uint64 `ch:"ml"`
	E      string            `ch:"e"`
	N      *float64          `ch:"n"`
	NS     *string           `ch:"ns"`
	T      map[string]any    `ch:"t"`
}

func rows() []row {
	some, half, seven := "some", 0.5, uint8(7)
	full := row{
		ID: 1, LC: "cpu", LCN: &some, S: "tab\t, quote ' and \x00 byte", FS: "abc",
		D: time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), MS: time.Date(2024, 2, 29, 12, 0, 0, 123e6, time.UTC),
		F: math.NaN(), F32: -1.5, U8: 255, U16: 65535, U64: math.MaxUint64, I64: math.MinInt64, B: true,
		Strs: []string{"", "a", "bb"}, Floats: []float64{math.Inf(1), math.NaN(), -0.25}, Labels: []string{"x", "x", "y"},
		Nested: [][]uint8{{1}, {}, {2, 3}}, M: map[string]string{"k": "v", "": ""}, ML: map[string]uint64{"n": 9},
		E: "it's", N: &half, NS: &some, T: map[string]any{"a": "x", "b": &seven},
	}
	empty := row{
		ID: 2, FS: "\x00\x00\x00", D: time.Unix(0, 0).UTC(), MS: time.Unix(0, 0).UTC(), E: "low, or",
		Strs: []string{}, Floats: []float64{}, Labels: []string{}, Nested: [][]uint8{}, M: map[string]string{}, ML: map[string]uint64{},
		T: map[string]any{"a": "", "b": (*uint8)(nil)},
	}
	return []row{full, empty}
}

const rowColumns = "id, lc, lcn, s, fs, d, ms, f, f32, u8, u16, u64, i64, b, strs, floats, labels, nested, m, ml, e, n, ns, t"

// The oracle is the row that was inserted.
func TestTypesRoundTrip(t *testing.T) {
	for name, edit := range map[string]func(*ch.Options){
		"plain": nil,
		"lz4":   func(o *ch.Options) { o.Compression = &ch.Compression{Method: ch.CompressionLZ4} },
		"zstd":  func(o *ch.Options) { o.Compression = &ch.Compression{Method: ch.CompressionZSTD} },
		"gzip": func(o *ch.Options) {
			o.Compression = &ch.Compression{Method: ch.CompressionGZIP}
			o.Settings = ch.Settings{"enable_http_compression": 1}
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn := client(t, edit)
			table := create(t, conn, allTypes)
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+table+" ("+rowColumns+")")
			if err != nil {
				t.Fatal(err)
			}
			defer batch.Close()
			for _, r := range rows() {
				if err := batch.AppendStruct(&r); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			var got []row
			if err := conn.Select(t.Context(), &got, "SELECT "+rowColumns+" FROM "+table+" ORDER BY id"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rows(), got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("rows mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTypesWithoutRows(t *testing.T) {
	conn := client(t, nil)
	table := create(t, conn, allTypes)
	var got []row
	if err := conn.Select(t.Context(), &got, "SELECT "+rowColumns+" FROM "+table); err != nil {
		t.Fatal(err)
	}
	if len(got) != 0 {
		t.Errorf("got %d rows from an empty table", len(got))
	}
}

// The dec and u columns have no Go field; the engine's text form is the oracle.
func TestTypesOfFixedWidth(t *testing.T) {
	conn := client(t, nil)
	var dec32, dec256, uuid, ip string
	err := conn.QueryRow(t.Context(), `SELECT toString(a), toString(b), toString(c), toString(d) FROM (
		SELECT toDecimal32(1.25, 2) AS a, toDecimal256(-7, 10) AS b, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS c, toIPv6('::1') AS d)`).
		Scan(&dec32, &dec256, &uuid, &ip)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{dec32, dec256, uuid, ip}
	if diff := cmp.Diff([]string{"1.25", "-7", "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "::1"}, got); diff != "" {
		t.Errorf("values mismatch (-want +got):\n%s", diff)
	}
	rows, err := conn.Query(t.Context(), `SELECT toDecimal32(1.25, 2), toDecimal128(1, 3), toDecimal256(-7, 10), generateUUIDv4(), toIPv4('1.2.3.4'), toIPv6('::1'),
		toInt128(1), toUInt256(2), toDate('2024-01-01'), toDate32('2024-01-01'), toIntervalDay(2), (1, 'x', NULL), [(1, [2])], NULL, toTime(now())
		FROM numbers(3)`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 3 {
		t.Errorf("read %d rows, error %v; want 3 rows", n, err)
	}
}

func TestDatabaseSQL(t *testing.T) {
	table := create(t, client(t, nil), "(id UInt32, s LowCardinality(String), f Nullable(Float64)) ENGINE = MergeTree ORDER BY id")
	db := ch.OpenDB(&ch.Options{Addr: []string{server.Addr()}, Protocol: ch.HTTP})
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	insertSQL(t, db, table)
	if _, err := db.ExecContext(t.Context(), "INSERT INTO "+table+" VALUES (?, ?, ?)", 7, "it's; 7", nil); err != nil {
		t.Fatal(err)
	}
	var n, sum int
	var text string
	err := db.QueryRowContext(t.Context(), "SELECT count(), sum(id), max(s) FROM "+table+" WHERE id >= ?", 1).Scan(&n, &sum, &text)
	if err != nil {
		t.Fatal(err)
	}
	if n != 3 || sum != 1+2+7 || text != "two" {
		t.Errorf("got %d rows, sum %d, max %q; want 3 rows, sum 10, max %q", n, sum, text, "two")
	}
}

func insertSQL(t *testing.T, db *sql.DB, table string) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	stmt, err := tx.PrepareContext(t.Context(), "INSERT INTO "+table+" (id, s, f)")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	for i, s := range []string{"zero", "one", "two"} {
		if _, err := stmt.ExecContext(t.Context(), uint32(i), s, float64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
