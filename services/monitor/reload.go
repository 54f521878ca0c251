package monitor

import (
	"bytes"
	"context"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/report"
)

const (
	rereadEvery = 2 * time.Second // how often the rules file is looked at
	complain    = time.Minute     // how often a wrong one is reported, well within the quiet period of the alert
)

// rulesFile takes the rules in again whenever the file's content changes. A file that is wrong or gone changes nothing: the
// rules in force stay, and bad_configuration stands until it is mended.
type rulesFile struct {
	path   string
	use    func(context.Context, []byte) error
	report *report.Reporter
	log    *zap.Logger

	last   []byte // as last read, good or bad
	err    error  // what is wrong with it
	raised time.Time
}

// watch looks at the file until ctx is done.
func (f *rulesFile) watch(ctx context.Context) error {
	f.look(ctx)
	t := time.NewTicker(rereadEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			f.look(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *rulesFile) look(ctx context.Context) {
	data, err := os.ReadFile(f.path)
	switch {
	case err != nil:
		f.err = err
	case f.last != nil && bytes.Equal(data, f.last):
	default:
		f.last, f.err = data, f.use(ctx, data)
		if f.err == nil {
			f.log.Info("rules read", zap.String("file", f.path))
		}
	}
	f.tell(ctx)
}

func (f *rulesFile) tell(ctx context.Context) {
	e := event.Error{Class: event.Operational, Code: "bad_configuration", Subject: "rules"}
	var err error
	switch {
	case ctx.Err() != nil:
		return
	case f.err == nil:
		f.raised = time.Time{}
		err = f.report.Clear(ctx, e)
	case time.Since(f.raised) >= complain:
		f.raised = time.Now()
		e.Message = "the rules in force stay: " + f.err.Error()
		err = f.report.Raise(ctx, e)
	}
	if err != nil && ctx.Err() == nil {
		f.log.Warn("state of the rules not reported", zap.Error(err))
	}
}
