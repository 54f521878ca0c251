package validator

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// rows returns the rows of the batch. Observations come last: a value that is found in the record then has its verdict
// and its revision there too. A verdict without findings has no row: the revision says that the value passed.
func (r *run) rows() []stage.Row {
	rows := make([]stage.Row, 0, len(r.kept)+3)
	for _, q := range r.kept {
		rows = append(rows, q)
	}
	name := r.batch.Series.String()
	var verdicts record.Rows[record.Verdict]
	revisions := make(record.Rows[record.Revision], 0, len(r.points))
	observations := make(record.Rows[record.Observation], 0, len(r.points))
	for i := range r.points {
		p := &r.points[i]
		if p.verdict && len(p.findings) > 0 {
			verdicts = append(verdicts, r.verdict(name, *p))
		}
		if p.revision {
			revisions = append(revisions, record.Revision{
				Series: name, TS: p.ts, KnownAt: r.batch.KnownAt, Value: p.value, RunID: r.batch.RunID,
			})
		}
		if p.observation {
			observations = append(observations, record.Observation{
				Series: name, TS: p.ts, Value: p.value, KnownAt: r.batch.KnownAt, Outcome: p.outcome.String(),
				Unit: r.batch.Unit, Zone: r.batch.Zone, StepS: uint32(r.batch.Step / time.Second),
			})
		}
	}
	return observations.Append(revisions.Append(verdicts.Append(rows)))
}

func (r *run) verdict(name string, p point) record.Verdict {
	v := record.Verdict{
		Series: name, TS: r.storable(p.ts), KnownAt: r.knownAt(), Value: p.value,
		Outcome: p.outcome.String(), MessageID: r.in.ID,
	}
	for _, f := range p.findings {
		v.Checks = append(v.Checks, string(f.Check))
		v.Observed = append(v.Observed, f.Observed)
		v.Expected = append(v.Expected, f.Expected)
		v.Threshold = append(v.Threshold, f.Threshold)
		v.Details = append(v.Details, f.Detail)
	}
	return v
}

// quarantine returns the row of observation i of the batch.
func (r *run) quarantine(i int, f check.Finding) record.Quarantine {
	o := r.batch.Obs[i]
	q := r.held("o", i)
	q.Period = o.TS.Format(time.RFC3339)
	q.TS, q.Value = r.storable(o.TS), o.Value
	q.Reason, q.Detail = string(f.Check), f.Detail
	q.Payload = payload(o)
	return q
}

// malformed returns the row of malformed row i of the batch.
func (r *run) malformed(i int, m series.Malformed) record.Quarantine {
	q := r.held("m", i)
	q.Period, q.Payload = m.Period, m.Payload
	q.TS, q.Value = time.Unix(0, 0).UTC(), math.NaN()
	q.Reason, q.Detail = string(check.Schema), m.Reason
	return q
}

func (r *run) held(kind string, i int) record.Quarantine {
	known := r.knownAt()
	return record.Quarantine{
		Series:   r.batch.Series.String(),
		RecordID: fmt.Sprintf("%s.%s%d", r.in.ID, kind, i),
		KnownAt:  known, RunID: r.batch.RunID, Status: "held", UpdatedAt: known,
	}
}

// valid returns the batch of what passed. A final batch is sent even when it is empty, because the end of a backfill
// is news of its own.
func (r *run) valid() (stage.Message, bool) {
	out := r.batch
	out.Obs, out.Malformed = make([]series.Observation, 0, len(r.points)), nil
	for _, p := range r.points {
		if p.forward {
			out.Obs = append(out.Obs, series.Observation{TS: p.ts, Value: p.value})
		}
	}
	if len(out.Obs) == 0 && !out.Final {
		return stage.Message{}, false
	}
	return stage.Message{Subject: wire.Valid(out.Series), ID: r.in.ID + ".valid", Data: wire.EncodeBatch(out)}, true
}

// payload spells o as JSON. Values that JSON has no numbers for are strings.
func payload(o series.Observation) string {
	v := strconv.FormatFloat(o.Value, 'g', -1, 64)
	if math.IsNaN(o.Value) || math.IsInf(o.Value, 0) {
		v = strconv.Quote(v)
	}
	return `{"ts":"` + o.TS.Format(time.RFC3339) + `","value":` + v + `}`
}

// storable returns the time of a point for the record, or the Unix epoch when it is nonsense: the columns do not hold
// every time, and each year is a partition of its own, of which an insert may touch only so many.
func (r *run) storable(ts time.Time) time.Time {
	if ts.Unix() < 0 || ts.After(r.batch.KnownAt.AddDate(1, 0, 0)) {
		return time.Unix(0, 0).UTC()
	}
	return ts
}

// knownAt returns when the batch became known, or the Unix epoch when it does not say so.
func (r *run) knownAt() time.Time {
	if r.batch.KnownAt.Unix() < 0 {
		return time.Unix(0, 0).UTC()
	}
	return r.batch.KnownAt
}
