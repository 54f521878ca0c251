package chio

import (
	"math"

	"github.com/ClickHouse/ch-go/proto"
)

// A column of texts of which few differ travels as a dictionary and a number a row. The server converts it to what its
// table has.
const typeDictionary = "LowCardinality(" + typeString + ")"

// dictionary returns a column of texts in this form, unless too many of them differ for it to pay.
func (in insert) dictionary(f field) ([]byte, bool) {
	d := dictionary{limit: min(in.rows/4, math.MaxUint16), numbers: map[string]uint16{}, keys: make([]uint16, 0, in.rows)}
	d.words.Append("") // number 0 is the default value, whether used or not
	each(in, f, func(word *string) {
		if *word != d.last {
			d.look(*word)
		}
		d.keys = append(d.keys, d.number)
	})
	if d.words.Rows() > d.limit {
		return nil, false
	}
	var b proto.Buffer
	d.column().EncodeColumn(&b)
	return b.Buf, true
}

type dictionary struct {
	limit   int // words from which on it is given up
	words   proto.ColStr
	numbers map[string]uint16
	keys    proto.ColUInt16
	last    string // rows that follow each other are mostly of one series
	number  uint16
}

func (d *dictionary) look(word string) {
	n, ok := d.numbers[word]
	switch {
	case word == "":
		n = 0
	case ok:
	case d.words.Rows() > d.limit:
		return
	default:
		n = uint16(d.words.Rows())
		d.numbers[word] = n
		d.words.Append(word)
	}
	d.last, d.number = word, n
}

func (d *dictionary) column() *proto.ColLowCardinalityRaw {
	if d.words.Rows() > math.MaxUint8 {
		return &proto.ColLowCardinalityRaw{Index: &d.words, Key: proto.KeyUInt16, Keys16: d.keys}
	}
	keys := make(proto.ColUInt8, len(d.keys))
	for i, k := range d.keys {
		keys[i] = uint8(k)
	}
	return &proto.ColLowCardinalityRaw{Index: &d.words, Key: proto.KeyUInt8, Keys8: keys}
}
