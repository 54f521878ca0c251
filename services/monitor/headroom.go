package monitor

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/event"
)

// DiskPressure is the code of the event that a disk of the store runs full. A store without room refuses every row.
const DiskPressure = "disk_pressure"

// Shares of a disk that are free. Below the lower ones the event is raised, as a warning or as critical; above the upper
// one it is cleared.
const (
	diskCritical = 0.05
	diskRaise    = 0.10
	diskClear    = 0.15

	headroomEvery = 30 * time.Second
)

// headroom watches the disks of the store.
type headroom struct {
	disks  func(context.Context) ([]chio.Disk, error)
	report errorReporter
	log    *zap.Logger
	full   map[string]bool
}

// errorReporter tells of errors. report.Reporter is one.
type errorReporter interface {
	Raise(ctx context.Context, e event.Error) error
	Clear(ctx context.Context, e event.Error) error
}

func newHeadroom(disks func(context.Context) ([]chio.Disk, error), report errorReporter, log *zap.Logger) *headroom {
	return &headroom{disks: disks, report: report, log: log, full: map[string]bool{}}
}

func (h *headroom) run(ctx context.Context) error {
	t := time.NewTicker(headroomEvery)
	defer t.Stop()
	for {
		h.look(ctx)
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look reads the disks once and says what has changed, and again what stands. A store that does not answer is others' to
// tell of.
func (h *headroom) look(ctx context.Context) {
	disks, err := h.disks(ctx)
	if err != nil {
		h.log.Debug("disks of the store not read", zap.Error(err))
		return
	}
	for _, d := range disks {
		free := float64(d.Free) / float64(max(d.Total, 1))
		e := event.Error{
			Class: event.Infrastructure, Code: DiskPressure, Subject: "clickhouse/" + d.Name, Severity: event.Warning,
			Message: fmt.Sprintf("%.1f of %.1f GiB are free on disk %s of the store (%.0f %%, told below %.0f %%); without room it takes no rows, and messages wait on the bus",
				gib(d.Free), gib(d.Total), d.Name, 100*free, 100*diskRaise),
		}
		if free < diskCritical {
			e.Severity = event.Critical
		}
		limit, say := diskRaise, h.report.Clear
		if h.full[d.Name] {
			limit = diskClear
		}
		if h.full[d.Name] = free < limit; h.full[d.Name] {
			say = h.report.Raise
		}
		if err := say(ctx, e); err != nil && ctx.Err() == nil {
			h.log.Warn("error event not sent", zap.Error(err))
		}
	}
}

func gib(bytes uint64) float64 { return float64(bytes) / (1 << 30) }
