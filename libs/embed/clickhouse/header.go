package clickhouse

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// streamable reports whether a result in the format is the concatenation of its
// blocks, when the header that each block has in some formats is sent once.
// Others have a head or a tail around all rows.
func streamable(format string) bool {
	switch base, _ := headerLines(format); base {
	case "native", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "csv", "jsoneachrow", "jsoncompacteachrow", "rowbinary", "null":
		return true
	}
	return false
}

// headerLines cuts what says that there is a header from the name of a format,
// and returns how many lines the header has.
func headerLines(format string) (base string, lines int) {
	base = strings.ToLower(format)
	if b, ok := strings.CutSuffix(base, "withnamesandtypes"); ok {
		return b, 2
	}
	if b, ok := strings.CutSuffix(base, "withnames"); ok {
		return b, 1
	}
	return base, 0
}

// headerLength is the length of the header of a block. It returns 0 for one that
// it does not understand.
func headerLength(format string, block []byte) int {
	base, lines := headerLines(format)
	if base == "rowbinary" {
		return binaryHeader(block, lines)
	}
	n := 0
	for range lines {
		end := lineEnd(block[n:], base == "csv")
		if end < 0 {
			return 0
		}
		n += end
	}
	return n
}

// lineEnd is where the line after the first one of data begins. In CSV a line
// goes on within quotes.
func lineEnd(data []byte, quotes bool) int {
	open := false
	for i, c := range data {
		switch {
		case c == '"' && quotes:
			open = !open
		case c == '\n' && !open:
			return i + 1
		}
	}
	return -1
}

// binaryHeader is the number of columns, their names and, in the second line,
// their types.
func binaryHeader(block []byte, lines int) int {
	if lines == 0 {
		return 0
	}
	columns, n := binary.Uvarint(block)
	for range columns * uint64(lines) {
		size, k := binary.Uvarint(block[min(n, len(block)):])
		if n += k + int(size); k <= 0 || n > len(block) {
			return 0
		}
	}
	return n
}

// headers drops the header that blocks after the first one repeat.
type headers struct {
	format string
	first  []byte
}

func (h *headers) strip(block []byte) []byte {
	if h.first == nil {
		h.first = bytes.Clone(block[:headerLength(h.format, block)])
		return block
	}
	return bytes.TrimPrefix(block, h.first)
}
