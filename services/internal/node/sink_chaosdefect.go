//go:build chaosdefect

package node

import (
	"context"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// sink returns a sink that says it has written before it has. Messages are acknowledged on its word, and what it has not
// written yet is lost when the process is killed. No binary is built with it but the one that the chaos test must
// convict.
func sink(s stage.Sink) stage.Sink {
	d := &hasty{sink: s, queue: make(chan func(), 1<<16)}
	go func() {
		for write := range d.queue {
			time.Sleep(200 * time.Millisecond)
			write()
		}
	}()
	return d
}

type hasty struct {
	sink  stage.Sink
	queue chan func()
}

// Write implements stage.Sink, badly.
func (h *hasty) Write(ctx context.Context, token string, rows []stage.Row) error {
	h.queue <- func() { _ = h.sink.Write(context.WithoutCancel(ctx), token, rows) }
	return nil
}
