package node

import (
	"context"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/pressure"
)

// pressureEvery is how often the limits of the container are looked at: a hundred periods of the scheduler.
const pressureEvery = 10 * time.Second

// pressed reports how near the process is to the limits of its container, as metrics and, near them, as error events.
func (n *Node) pressed(ctx context.Context) error {
	reader, watch := pressure.NewReader(os.DirFS("/")), pressure.NewWatch(pressure.DefaultLimits())
	used := prometheus.NewGauge(prometheus.GaugeOpts{Name: "bellwether_container_memory_bytes", Help: "Memory of the container in use, without file cache that can be given up."})
	limit := prometheus.NewGauge(prometheus.GaugeOpts{Name: "bellwether_container_memory_limit_bytes", Help: "Limit on the container's memory; 0 means none."})
	n.Registry.MustRegister(used, limit)
	t := time.NewTicker(pressureEvery)
	defer t.Stop()
	for {
		r, err := reader.Read()
		if err != nil {
			n.Log.Warn("limits of the container cannot be read and are not watched", zap.Error(err))
			<-ctx.Done()
			return nil
		}
		used.Set(float64(r.Memory))
		limit.Set(float64(r.MemoryLimit))
		for _, f := range watch.Step(r) {
			n.tell(ctx, f)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// tell reports a condition of the container. While it lasts it is repeated, so that its alert does.
func (n *Node) tell(ctx context.Context, f pressure.Finding) {
	e := event.Error{Class: event.Infrastructure, Code: f.Code, Subject: n.Instance, Severity: event.Warning, Message: f.Message}
	if f.Code == pressure.Memory {
		e.Severity = event.Critical // what follows is a kill
	}
	say := n.Report.Raise
	if !f.Active {
		say = n.Report.Clear
	}
	if err := say(ctx, e); err != nil && ctx.Err() == nil {
		n.Log.Warn("error event not sent", zap.Error(err))
	}
}
