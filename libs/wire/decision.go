package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Decision is what a person decided about a row in quarantine.
type Decision string

// Decisions.
const (
	Release Decision = "release" // it is right after all
	Discard Decision = "discard" // it is wrong, and nobody needs it
)

// headerDecision and headerHeld carry a decision and the row it is about on a raw batch, which goes the way of all raw
// batches, so that the validator remains the only writer of what it decides.
const (
	headerDecision = "Bw-Decision"
	headerHeld     = "Bw-Held"
)

// EncodeDecision returns the message that tells the validator of a decision. b describes the series, without
// observations. The id depends on the row as it was seen alone: who repeats a decision makes one message, and one that
// decides again later makes another.
func EncodeDecision(d Decision, b series.Batch, row record.Quarantine) (stage.Message, error) {
	held, err := json.Marshal(heldRow{row, strconv.FormatFloat(row.Value, 'g', -1, 64)})
	if err != nil {
		return stage.Message{}, fmt.Errorf("encode decision on %s: %w", row.RecordID, err)
	}
	b.Obs = nil
	if d == Release {
		b.Obs = []series.Observation{{TS: row.TS, Value: row.Value}}
	}
	return stage.Message{
		Subject: Raw(b.Series),
		ID:      fmt.Sprintf("%s.%s.%d", row.RecordID, d, row.UpdatedAt.UnixMilli()),
		Header:  map[string]string{headerDecision: string(d), headerHeld: string(held)},
		Data:    EncodeBatch(b),
	}, nil
}

// DecodeDecision returns the decision that a raw batch carries and the row it is about, or no decision. The error wraps
// stage.ErrPermanent.
func DecodeDecision(m stage.Message) (Decision, record.Quarantine, error) {
	d := Decision(m.Header[headerDecision])
	var row record.Quarantine
	switch d {
	case "":
		return "", row, nil
	case Release, Discard:
	default:
		return "", row, fmt.Errorf("decision %q is not known: %w", d, stage.ErrPermanent)
	}
	var held heldRow
	err := json.Unmarshal([]byte(m.Header[headerHeld]), &held)
	if err == nil {
		row = held.Quarantine
		row.Value, err = strconv.ParseFloat(held.Value, 64)
	}
	if err == nil && row.RecordID == "" {
		err = errNoRecord
	}
	if err != nil {
		return "", row, fmt.Errorf("decode decision: %w: %w", err, stage.ErrPermanent)
	}
	row.TS, row.KnownAt, row.UpdatedAt = row.TS.UTC(), row.KnownAt.UTC(), row.UpdatedAt.UTC()
	return d, row, nil
}

var errNoRecord = errors.New("no record id")

// heldRow spells the value as text: JSON has no NaN.
type heldRow struct {
	record.Quarantine
	Value string
}
