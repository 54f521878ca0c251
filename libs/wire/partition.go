package wire

import (
	"strconv"
	"strings"
)

// Partitions is how many parts the series of BW_OBS and BW_MODEL are divided into, and so the most replicas of the
// validator, or of the forecaster, that have work to do. Changing it needs consumers that have read everything.
const Partitions = 8

// Streams of series that several replicas share keep a message under the subject it was published on with one more
// token, the partition of its series:
//
//	bw.obs.raw.eia.PJM  is kept as  bw.obs.raw.3.eia.PJM
//	bw.model.eia.PJM    is kept as  bw.model.3.eia.PJM
//
// The bus computes the partition from the tokens of the series alone, so that a series has the same one in both
// streams, and in both kinds of observations. Publishers and subscribers do not see it; readers of the stream do.
const (
	PublishedObs   = "bw.obs.*.*.*"
	StoredObs      = "bw.obs.{{wildcard(1)}}.{{partition(8,2,3)}}.{{wildcard(2)}}.{{wildcard(3)}}"
	PublishedModel = "bw.model.*.*"
	StoredModel    = "bw.model.{{partition(8,1,2)}}.{{wildcard(1)}}.{{wildcard(2)}}"
)

// RawPart returns the subjects of a partition of bw.obs.raw, as the stream keeps them.
func RawPart(part int) string { return "bw.obs.raw." + strconv.Itoa(part) + ".>" }

// ValidPart returns the subjects of a partition of bw.obs.valid, as the stream keeps them.
func ValidPart(part int) string { return "bw.obs.valid." + strconv.Itoa(part) + ".>" }

// ModelPart returns the subjects of a partition of bw.model, as the stream keeps them.
func ModelPart(part int) string { return "bw.model." + strconv.Itoa(part) + ".>" }

// Published returns the subject that a message kept under stored was published on.
func Published(stored string) string {
	if at, ok := partitionAt(stored, 1); ok {
		t := strings.Split(stored, ".")
		if _, err := strconv.Atoi(t[at]); err == nil {
			return strings.Join(append(t[:at:at], t[at+1:]...), ".")
		}
	}
	return stored
}

// Stored returns the filter that finds in a stream what was published on subject, which may have wildcards.
func Stored(subject string) string {
	if strings.HasSuffix(subject, ">") {
		return subject
	}
	if at, ok := partitionAt(subject, 0); ok {
		t := strings.Split(subject, ".")
		return strings.Join(append(append(t[:at:at], "*"), t[at:]...), ".")
	}
	return subject
}

// partitionAt returns at which token of subject the partition is kept, when it has one; extra is how many tokens
// subject has beside those it was published with.
func partitionAt(subject string, extra int) (at int, ok bool) {
	n := strings.Count(subject, ".") + 1 - extra
	switch {
	case strings.HasPrefix(subject, "bw.obs."):
		return 3, n == 5
	case strings.HasPrefix(subject, "bw.model."):
		return 2, n == 4
	}
	return 0, false
}
