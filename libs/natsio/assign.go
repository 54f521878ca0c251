package natsio

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"
)

// assign divides parts among members and returns the member of each part; all are "" when there are no members. Every
// process that knows the same members finds the same, in whatever order it knows them.
//
// A part goes to the member with the highest hash of the two that is not full (rendezvous hashing: Thaler and
// Ravishankar, Using name-based mappings to increase hit rates, 1998, with bounded loads as in Mirrokni, Thorup and
// Zadimoghaddam, Consistent hashing with bounded loads, 2018, section 2): no member has more than its share rounded up,
// and when a member comes or goes, few parts move between the others.
func assign(members []string, parts int) []string {
	owners := make([]string, parts)
	if len(members) == 0 {
		return owners
	}
	capacity := (parts + len(members) - 1) / len(members)
	load := make(map[string]int, len(members))
	for part := range owners {
		ranked := slices.Clone(members)
		slices.SortFunc(ranked, func(x, y string) int {
			if hx, hy := rendezvous(x, part), rendezvous(y, part); hx != hy {
				return compareDescending(hx, hy)
			}
			return strings.Compare(x, y)
		})
		i := slices.IndexFunc(ranked, func(m string) bool { return load[m] < capacity })
		owners[part] = ranked[i]
		load[ranked[i]]++
	}
	return owners
}

func compareDescending(x, y uint64) int {
	if x > y {
		return -1
	}
	return 1
}

func rendezvous(member string, part int) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(part)))
	_, _ = h.Write([]byte(member))
	// FNV hardly mixes its last bytes into the high bits; this is the finalizer of SplitMix64.
	x := h.Sum64()
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
