package series

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// Digest returns the SHA-256 of the grid and the values of s in hexadecimal: the same digest means the same data. Name,
// unit and zone are not part of it. All NaN count as the same.
func Digest(s Series) string {
	h := sha256.New()
	var b [8]byte
	put := func(v uint64) {
		binary.LittleEndian.PutUint64(b[:], v)
		h.Write(b[:])
	}
	put(uint64(s.Start.Unix()))
	put(uint64(s.Start.Nanosecond()))
	put(uint64(s.Step))
	for _, v := range s.Values {
		if math.IsNaN(v) {
			v = math.NaN()
		}
		put(math.Float64bits(v))
	}
	return hex.EncodeToString(h.Sum(nil))
}
