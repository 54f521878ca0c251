package ingestor

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

const (
	step = time.Hour

	maxObs       = 2000 // observations in one message, twins of the last not counted
	maxMalformed = 100  // malformed rows in one message
	maxPayload   = 2048 // bytes kept of a malformed row
)

// Pack returns obs, in order of time, as the messages that a backfill publishes: batches of template, numbered seq, the
// last of them marked when final.
func Pack(template series.Batch, obs []series.Observation, seq uint64, final bool) []stage.Message {
	return messages(template, news{obs: obs}, seq, final)
}

// messages cuts n into batches of template and returns them as messages in time order. final marks the last of them.
func messages(template series.Batch, n news, seq uint64, final bool) []stage.Message {
	var out []stage.Message
	for len(n.obs) > 0 || len(n.malformed) > 0 {
		b := template
		b.Obs, n.obs = cutObs(n.obs)
		var malformed []series.Malformed
		malformed, n.malformed = cut(n.malformed, maxMalformed)
		b.Final = final && len(n.obs) == 0 && len(n.malformed) == 0
		for _, m := range malformed {
			m.Payload = m.Payload[:min(len(m.Payload), maxPayload)]
			b.Malformed = append(b.Malformed, m)
		}
		out = append(out, stage.Message{Subject: wire.Raw(b.Series), ID: messageID(b, seq), Data: wire.EncodeBatch(b)})
	}
	return out
}

// cutObs returns the first maxObs observations, and the twins of the last of them: contradictions stay together.
func cutObs(obs []series.Observation) (head, tail []series.Observation) {
	n := min(maxObs, len(obs))
	for 0 < n && n < len(obs) && obs[n].TS.Equal(obs[n-1].TS) {
		n++
	}
	return obs[:n:n], obs[n:]
}

func cut[T any](s []T, n int) (head, tail []T) {
	n = min(n, len(s))
	return s[:n:n], s[n:]
}

// messageID names a batch by its content and by the number of publications before it. KnownAt and RunID are left out:
// a run that died between publishing and saving its cursor says the same again at a later time, and the bus drops it.
// A value that comes back after a revision has the content of an earlier message but another number.
func messageID(b series.Batch, seq uint64) string {
	h := sha256.New()
	word := func(v uint64) {
		var w [8]byte
		binary.BigEndian.PutUint64(w[:], v)
		_, _ = h.Write(w[:]) // never fails
	}
	word(uint64(b.Origin))
	if b.Final {
		word(1)
	}
	word(uint64(len(b.Obs)))
	for _, o := range b.Obs {
		word(uint64(o.TS.Unix()))
		if math.IsNaN(o.Value) {
			word(math.MaxUint64) // one pattern for all NaNs
		} else {
			word(math.Float64bits(o.Value))
		}
	}
	for _, m := range b.Malformed {
		_, _ = h.Write([]byte(digest(m)))
	}
	return fmt.Sprintf("%s.%d.%s", wire.Key(b.Series), seq, hex.EncodeToString(h.Sum(nil)[:12]))
}

// digest names a malformed row.
func digest(m series.Malformed) string {
	sum := sha256.Sum256([]byte(m.Period + "\x00" + m.Payload + "\x00" + m.Reason))
	return hex.EncodeToString(sum[:8])
}

func twinDigest(o series.Observation) string {
	return fmt.Sprintf("%d=%g", o.TS.Unix(), o.Value)
}
