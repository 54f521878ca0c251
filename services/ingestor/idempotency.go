package ingestor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// errConflict is returned for an idempotency key that came before with another body.
var errConflict = errors.New("idempotency key was used for another body")

const (
	shards       = 64 // a source's requests are remembered in so many values of the bucket
	keptPerShard = 64 // newest requests in each
)

// answered is a request that was answered.
type answered struct {
	Name   string `json:"name"` // digest of the idempotency key
	Body   string `json:"body"` // digest of the body
	Answer Taken  `json:"answer"`
}

// memory is what is remembered about one request.
type memory struct {
	runner     *Runner
	name, body string // digests; empty when nothing is to be remembered
	shard      string
	past       []answered
	answer     *Taken // that it was answered with before; nil when it is new
}

// stateKey returns the name of a value that belongs to the source and to none of its series: no key of a series begins
// with a zero byte or is empty.
func (r *Runner) stateKey(name string) string {
	return wire.Key(series.ID{Source: r.spec.Name, Key: name})
}

// remembered looks a request up. Its error is errConflict when the name was used for another body.
func (r *Runner) remembered(ctx context.Context, name string, body []byte) (memory, error) {
	m := memory{runner: r}
	if name == "" {
		return m, nil
	}
	id, text := sha256.Sum256([]byte(name)), sha256.Sum256(body)
	m.name, m.body = hex.EncodeToString(id[:16]), hex.EncodeToString(text[:16])
	m.shard = r.stateKey(fmt.Sprintf("\x00answered.%02d", id[0]%shards))
	data, err := r.deps.Cursors.Get(ctx, m.shard)
	if err != nil {
		return m, fmt.Errorf("idempotency keys of %s: %w", r.spec.Name, err)
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &m.past); err != nil {
			return m, fmt.Errorf("idempotency keys of %s: %w", r.spec.Name, err)
		}
	}
	if i := slices.IndexFunc(m.past, func(a answered) bool { return a.Name == m.name }); i >= 0 {
		if m.past[i].Body != m.body {
			return m, errConflict
		}
		m.past[i].Answer.Repeated = true
		m.answer = &m.past[i].Answer
	}
	return m, nil
}

// remember saves the answer. A crash before it makes a repetition find all of its observations unchanged.
func (m *memory) remember(ctx context.Context, t Taken) error {
	if m.name == "" {
		return nil
	}
	m.past = append(m.past, answered{Name: m.name, Body: m.body, Answer: t})
	m.past = m.past[max(0, len(m.past)-keptPerShard):]
	data, err := json.Marshal(m.past)
	if err == nil {
		err = m.runner.deps.Cursors.Put(ctx, m.shard, data)
	}
	if err != nil {
		return fmt.Errorf("idempotency keys of %s: %w", m.runner.spec.Name, err)
	}
	return nil
}
