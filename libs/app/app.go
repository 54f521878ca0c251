// Package app runs the tasks of one process and takes them down in order.
//
// It does not touch signals, flags or os.Exit, so that a whole service can run inside a test.
package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Version is the version of this build, set by the linker.
var Version = "dev" //nolint:gochecknoglobals // -ldflags -X can only set a package variable

// App holds the tasks and resources of a process. Register them before Run.
type App struct {
	drain time.Duration
	tasks []task
	stops []stop

	closeOnce sync.Once
	closeErr  error
}

type task struct {
	name string
	run  func(ctx context.Context) error
}

type stop struct {
	name string
	run  func(ctx context.Context) error
}

// New returns an App that gives tasks and resources at most drain to end; 0 means 10 s.
func New(drain time.Duration) *App {
	if drain <= 0 {
		drain = 10 * time.Second
	}
	return &App{drain: drain}
}

// Go registers a task. A task ends when its context is done; the first to end stops all others.
func (a *App) Go(name string, run func(ctx context.Context) error) {
	a.tasks = append(a.tasks, task{name, run})
}

// OnStop registers the release of a resource, called after all tasks ended, last registered first.
func (a *App) OnStop(name string, run func(ctx context.Context) error) {
	a.stops = append(a.stops, stop{name, run})
}

type ended struct {
	index int
	err   error
}

// Run starts all tasks and returns when the first has failed, or when ctx is done and all have ended.
// It releases the resources before it returns. A task that does not end in time is named in the error.
func (a *App) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan ended, len(a.tasks))
	for i, t := range a.tasks {
		go func() { results <- ended{i, t.run(ctx)} }()
	}
	open := make(map[int]bool, len(a.tasks))
	for i := range a.tasks {
		open[i] = true
	}
	var errs []error
	collect := func(e ended) {
		delete(open, e.index)
		if e.err != nil && !(errors.Is(e.err, context.Canceled) && ctx.Err() != nil) {
			errs = append(errs, fmt.Errorf("%s: %w", a.tasks[e.index].name, e.err))
		}
	}
	if len(a.tasks) > 0 {
		select {
		case e := <-results:
			collect(e)
		case <-ctx.Done():
		}
	} else {
		<-ctx.Done()
	}
	cancel()
	deadline := time.NewTimer(a.drain)
	defer deadline.Stop()
	for len(open) > 0 {
		select {
		case e := <-results:
			collect(e)
		case <-deadline.C:
			for i := range open {
				errs = append(errs, fmt.Errorf("%s: still running %s after it was asked to stop", a.tasks[i].name, a.drain))
			}
			clear(open)
		}
	}
	errs = append(errs, a.Close(ctx))
	return errors.Join(errs...)
}

// Close releases the resources, last registered first, within the drain time. Run calls it; call it yourself only
// when start-up fails half-way. It is idempotent.
func (a *App) Close(ctx context.Context) error {
	a.closeOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.drain)
		defer cancel()
		var errs []error
		for _, s := range slices.Backward(a.stops) {
			if err := s.run(ctx); err != nil {
				errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
			}
		}
		a.closeErr = errors.Join(errs...)
	})
	return a.closeErr
}
