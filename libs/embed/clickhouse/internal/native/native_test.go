package native

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"github.com/google/go-cmp/cmp"
)

const revision = 54460

// block builds a block of three rows with the client library.
func block(t testing.TB) *proto.Block {
	t.Helper()
	b := proto.NewBlock()
	b.ServerContext.Timezone = time.UTC
	for i, c := range []struct {
		typ    string
		values [3]any
	}{
		{"UInt8", [3]any{uint8(1), uint8(2), uint8(3)}},
		{"String", [3]any{"", "a", "bc"}},
		{"LowCardinality(Nullable(String))", [3]any{"x", nil, "x"}},
		{"Array(LowCardinality(String))", [3]any{[]string{}, []string{"a"}, []string{"a", "b"}}},
		{"Map(String, Array(Nullable(UInt16)))", [3]any{map[string][]*uint16{}, map[string][]*uint16{"k": {nil}}, map[string][]*uint16{}}},
		{"Tuple(a Enum8('x' = 1), b DateTime64(3, 'UTC'))", [3]any{tuple(1), tuple(2), tuple(3)}},
		{"FixedString(2)", [3]any{"ab", "cd", "ef"}},
		{"Decimal(30, 5)", [3]any{"1.5", "2", "-3"}},
	} {
		if err := b.AddColumn(fmt.Sprintf("c%d", i), column.Type(c.typ)); err != nil {
			t.Fatal(err)
		}
		for _, v := range c.values {
			if err := b.Columns[i].AppendRow(v); err != nil {
				t.Fatalf("%s: %v", c.typ, err)
			}
		}
	}
	return b
}

func tuple(day int) map[string]any {
	return map[string]any{"a": "x", "b": time.Date(2024, 1, day, 0, 0, 0, 0, time.UTC)}
}

func encode(t testing.TB, b *proto.Block, revision uint64) []byte {
	t.Helper()
	var buf chproto.Buffer
	if err := b.Encode(&buf, revision); err != nil {
		t.Fatal(err)
	}
	return buf.Buf
}

// The oracle is the client library's own encoder at both revisions.
func TestUpgrade(t *testing.T) {
	b := block(t)
	for _, blocks := range []int{1, 3} {
		src, want := bytes.Repeat(encode(t, b, 0), blocks), bytes.Repeat(encode(t, b, revision), blocks)
		got, err := Upgrade(nil, src, revision)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d blocks mismatch (-want +got):\n%s", blocks, diff)
		}
	}
	src := encode(t, b, 0)
	if got, err := Upgrade([]byte("x"), src, 0); err != nil || !bytes.Equal(got, append([]byte("x"), src...)) {
		t.Errorf("revision 0 changed the blocks or failed: %v", err)
	}
	if got, err := Upgrade(nil, src, 54000); err != nil || !bytes.Equal(got, append([]byte(blockInfo), src...)) {
		t.Errorf("revision 54000 has more than a block info, or failed: %v", err)
	}
}

// A block of no rows is written without the data's prefixes.
func TestUpgradeHeader(t *testing.T) {
	src := []byte("\x01\x00\x01x\x16LowCardinality(String)")
	want := append(append([]byte(blockInfo), src...), 0)
	got, err := Upgrade(nil, src, revision)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("got %q, error %v; want %q", got, err, want)
	}
}

func TestUpgradeErrors(t *testing.T) {
	src := encode(t, block(t), 0)
	for n := 1; n < len(src); n++ {
		if _, err := Upgrade(nil, src[:n], revision); !errors.Is(err, ErrTruncated) {
			t.Fatalf("%d of %d bytes: error %v, want ErrTruncated", n, len(src), err)
		}
	}
	if _, err := Upgrade(nil, []byte("\x01\x01\x01x\x04JSON"), revision); !errors.Is(err, ErrType) {
		t.Errorf("column of type JSON: error %v, want ErrType", err)
	}
}

// Damaged data must end in an error or a longer block, never in a panic.
func FuzzUpgrade(f *testing.F) {
	f.Add(encode(f, block(f), 0))
	f.Add([]byte("\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01x\x06String"))
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := Upgrade(nil, src, revision)
		if err == nil && len(got) < len(src) {
			t.Errorf("%d bytes became %d", len(src), len(got))
		}
	})
}

func BenchmarkUpgrade(b *testing.B) {
	block := proto.NewBlock()
	for name, typ := range map[string]column.Type{"s": "LowCardinality(String)", "t": "DateTime('UTC')", "v": "Float64", "n": "String"} {
		if err := block.AddColumn(name, typ); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 65_409 {
		for _, c := range block.Columns {
			var v any = float64(i)
			switch c.Type() {
			case "DateTime('UTC')":
				v = time.Unix(int64(i), 0)
			case "Float64":
			default:
				v = "series"
			}
			if err := c.AppendRow(v); err != nil {
				b.Fatal(err)
			}
		}
	}
	src := encode(b, block, 0)
	b.SetBytes(int64(len(src)))
	var dst []byte
	for b.Loop() {
		var err error
		if dst, err = Upgrade(dst[:0], src, revision); err != nil {
			b.Fatal(err)
		}
	}
}
