package node

import (
	"context"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// gatherFor is how long the rows of one partition wait for those of others.
const gatherFor = 20 * time.Millisecond

// Consume adds a subscription whose messages replicas share in no order: its failures become error events, its backlog
// lag events.
func (n *Node) Consume(s stage.Subscription) {
	s = n.watch(s)
	n.app.Go("consume "+s.Consumer, func(ctx context.Context) error { return n.Bus.Consume(ctx, s) })
}

// ConsumeParts adds subscriptions to the partitions of wire.Partitions, which the replicas of the service divide among
// themselves. open returns the subscriptions of one partition, with handlers that know nothing yet; it is called each
// time that the partition falls to this process. Their rows go to the store. Each partition is handled in order, by one process at a time.
func (n *Node) ConsumeParts(open func(part int) []stage.Subscription) {
	// The series of a source have news at the same time: one insert for all partitions costs what one of them would.
	rows := stage.Gather(sink(n.Store), gatherFor)
	n.share("partitions", wire.Partitions, func(ctx context.Context, part int) error {
		subs := open(part)
		for i := range subs {
			subs[i].Partition = strconv.Itoa(part)
			subs[i].Sink, subs[i].Linger = rows, -1 // rows wait for each other instead
		}
		return n.Handle(ctx, subs...)
	})
}

// Lead adds work that one replica of the service does at a time, and another takes over when that one dies. run works
// until ctx is done, and may be called again.
func (n *Node) Lead(run func(ctx context.Context) error) {
	n.share("lead", 1, func(ctx context.Context, _ int) error { return run(ctx) })
}

func (n *Node) share(work string, parts int, run func(ctx context.Context, part int) error) {
	s := natsio.Share{Group: wire.Token(n.Service) + "." + work, Parts: parts, Run: run}
	n.app.Go(work, func(ctx context.Context) error { return n.Bus.Share(ctx, s) })
}

// Handle runs subscriptions that no other process runs meanwhile, until ctx is done.
func (n *Node) Handle(ctx context.Context, subs ...stage.Subscription) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range subs {
		s.Exclusive = true
		s = n.watch(s)
		g.Go(func() error {
			defer n.failures.forget(s)
			return n.Bus.Consume(ctx, s)
		})
	}
	return g.Wait()
}

// watch returns s with its failures and its backlog reported.
func (n *Node) watch(s stage.Subscription) stage.Subscription {
	s.Report = func(ctx context.Context, x stage.Failure) { n.failures.report(ctx, s, x) }
	if s.Sink != nil {
		s.Sink = clearing{Sink: s.Sink, failures: &n.failures, of: key(s)}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.ContainsFunc(n.watched, func(c consumer) bool { return c.stream == s.Stream && c.name == s.Consumer }) {
		n.watched = append(n.watched, newConsumer(s.Stream, s.Consumer, n.cfg.Heartbeat))
	}
	return s
}
