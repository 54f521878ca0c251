package node

import (
	"context"
	"errors"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/lag"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// lagReports is what a process has read of one consumer. Only the heartbeat uses it.
type lagReports struct {
	window lag.Window
	seen   bool // it was there once
}

func newConsumer(stream, name string, every time.Duration) consumer {
	return consumer{stream: stream, name: name, reports: &lagReports{window: lag.Window{Every: every}}}
}

// reportLag reads where a consumer stands and says so, with what the reports of the last minute say together. A consumer,
// or a partition of it, that nobody has run yet is not there and nothing to speak of; one that was there is gone.
func (n *Node) reportLag(ctx context.Context, c consumer) error {
	read, failed := n.Bus.Lag(ctx, c.stream, c.name)
	missing := errors.Is(failed, natsio.ErrNotFound)
	if err := ctx.Err(); err != nil {
		return err // stopping: the bus may still be there
	}
	if missing && !c.reports.seen {
		return nil
	}
	l, told := c.reports.judge(time.Now(), read, failed != nil, missing)
	if !told {
		return failed
	}
	l.Stream, l.Consumer = c.stream, c.name
	return n.Report.Lag(ctx, l)
}

// judge takes in a report and returns it with the verdict of the window. What could not be read is told of once that
// is the verdict.
func (r *lagReports) judge(now time.Time, l event.Lag, failed, missing bool) (event.Lag, bool) {
	if missing {
		l = event.Lag{Missing: true}
	}
	r.seen = r.seen || !failed
	r.window.Add(lag.Sample{At: now, Lag: l, Err: failed && !missing})
	v := r.window.Judge(now)
	l.State, l.Evidence = string(v.State), v.Evidence
	l.PublishRate, l.AckRate, l.ETA = v.PublishRate, v.AckRate, v.ETA
	if v.State == lag.NoData && !failed {
		l.State, l.Evidence = "", "" // a process that has just begun to look knows nothing, which is no trouble
	}
	return l, !failed || missing || v.State == lag.NoData
}
