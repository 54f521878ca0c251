package benchtables

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

const (
	beat     = 5 * time.Second // between lag events of a consumer
	recorded = time.Minute     // between heartbeats of an instance that are recorded
)

// teller is a service with the consumers whose lag it tells.
type teller struct {
	service   string
	consumers []string
}

func tellers() []teller {
	return []teller{
		{"ingestor", nil},
		{"validator", []string{"BW_RAW/validator"}},
		{"trainer", []string{"BW_JOB/trainer"}},
		{"forecaster", []string{"BW_VALID/forecaster", "BW_MODEL/forecaster-models"}},
		{"monitor", []string{"BW_EVENT/monitor", "BW_EVENT/monitor-history", "BW_ADVISORY/monitor-advisories"}},
	}
}

// events calls yield with the events of a pipeline in peace: lag and heartbeats on the clock, and an error or a drift
// every hour that is cleared later.
func (s story) events(days int, yield func(stage.Row) error) error {
	rng := rand.New(rand.NewPCG(seed, 2))
	from := hour(hours - days*24)
	seq := 0
	event := func(t teller, kind string, at time.Time) record.Event {
		seq++
		instance := t.service + "-6f7c9d5b8-x2x4k"
		return record.Event{
			ID: fmt.Sprintf("%s.%s.%d.%d", t.service, instance, from.UnixNano(), seq), Kind: kind, Service: t.service, Instance: instance,
			At: at.Add(time.Duration(rng.IntN(9)) * time.Millisecond), Attributes: map[string]string{},
		}
	}
	for at := from; at.Before(hour(hours)); at = at.Add(beat) {
		for _, t := range tellers() {
			var out []record.Event
			if at.Sub(from)%recorded == 0 {
				out = append(out, heartbeat(event(t, "heartbeat", at), at.Sub(from), seq))
			}
			for _, c := range t.consumers {
				out = append(out, lag(event(t, "lag", at), c, rng))
			}
			if len(t.consumers) > 0 && rng.IntN(720*len(tellers())) == 0 {
				out = append(out, s.trouble(event(t, "error", at), rng))
			}
			for _, e := range out {
				if err := yield(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func heartbeat(e record.Event, up time.Duration, processed int) record.Event {
	e.Code, e.Subject, e.Value, e.Threshold = "running", e.Instance, up.Seconds(), beat.Seconds()
	e.Attributes = map[string]string{"version": "v0.1.0", "processed": strconv.Itoa(processed * 7)}
	return e
}

func lag(e record.Event, consumer string, rng *rand.Rand) record.Event {
	pending := max(0, int(rng.NormFloat64()*30))
	e.Code, e.Subject, e.Value = "consumer", consumer, float64(pending)
	e.Attributes = map[string]string{
		"pending": strconv.Itoa(pending), "ack_pending": "0", "redelivered": "0", "ack_floor": strconv.FormatInt(e.At.Unix()*3, 10),
		"oldest_seconds": strconv.FormatFloat(float64(pending)/50, 'f', 3, 64), "paused": "false",
	}
	return e
}

func (s story) trouble(e record.Event, rng *rand.Rand) record.Event {
	subject := s.plots[rng.IntN(len(s.plots))].name
	e.Class, e.Code, e.Condition, e.Severity, e.Subject = "data_integrity", "range", "raised", "warning", subject
	e.Message = fmt.Sprintf("%s: %d of %d values of the last day are out of range", subject, 1+rng.IntN(20), 24)
	return e
}
