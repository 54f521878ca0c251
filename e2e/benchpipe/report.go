package benchpipe

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// validationLimit is the processor time that the limit grants to the judgement of one row, in nanoseconds.
const validationLimit = 100

// report prints figures as they come and keeps those of the last line.
type report struct {
	to       io.Writer
	limit    busCosts
	inserted insertCosts
	backfill pathResult
	read     readCosts
	base     cost
}

func (r *report) line(format string, args ...any) { fmt.Fprintf(r.to, format+"\n", args...) }

// row prints one measurement of one way to do something.
func (r *report) row(what string, c cost) {
	r.line("  %-34s %10.0f rows/s   %8.1f ns CPU a row", what, c.rate(), c.perRow())
}

func (r *report) begin(f flags, d demand) {
	load, _ := os.ReadFile("/proc/loadavg")
	r.line("benchpipe: %d series x %d years hourly; data %s", f.Series, f.Years, d.kind)
	r.line("%s, %d processors, %s, load average %s", runtime.Version(), runtime.NumCPU(), runtime.GOARCH, strings.Join(strings.Fields(string(load))[:3], " "))
	r.line("CPU is that of the whole process: clients, embedded bus (loopback TCP, each write synced) and embedded store.")
}

func (r *report) bus(c busCosts) {
	r.limit = c
	r.line("\nbus: %d rounds of %d messages of %d bytes", busRounds, c.messages, c.bytes)
	r.row("raw publish, async, window 1024", c.async)
	r.row("raw publish, atomic batches", c.atomic)
	r.row("natsio publish", c.ours)
	r.row("raw consume, explicit acks", c.rawReading)
	r.row("natsio consume, empty handler", c.oursReading)
	r.row("protobuf encode", c.encode)
	r.row("protobuf decode", c.decode)
}

func (r *report) insert(c insertCosts) {
	r.inserted = c
	r.line("\ninsert: %d batches of %d observations", c.ours.rows/insertRows, insertRows)
	r.row("bare PrepareBatch, columns", c.bare)
	r.row("libs/chio", c.ours)
}

// limitPerRow returns the processor time a row needs at least, in nanoseconds: two hops over the bus, one insert.
func (r *report) limitPerRow(insert cost) float64 {
	b := r.limit
	hop := b.best().perRow() + b.rawReading.perRow() + b.encode.perRow() + b.decode.perRow()
	return 2*hop + insert.perRow() + validationLimit
}

// limitRate returns the rows a second of all processors at that cost.
func limitRate(perRow float64) float64 { return float64(runtime.NumCPU()) * 1e9 / perRow }

func (r *report) path(p pathResult) {
	r.backfill = p
	r.line("\nbackfill: ingest -> validated -> observations in the store, %d rows in %s", p.rows, p.wall.Round(time.Millisecond))
	r.row("the pipeline", p.cost)
	for _, limit := range []struct {
		name   string
		insert cost
	}{{"the limit", r.inserted.bare}, {"the limit, inserting as chio does", r.inserted.ours}} {
		perRow := r.limitPerRow(limit.insert)
		r.line("  %-34s %10.0f rows/s   %8.1f ns CPU a row, over ours: %.2f", limit.name, limitRate(perRow), perRow, perRow/p.perRow())
	}
	r.line("  accounted for: %d observations, %d kept back, %d without a value; %d forwarded", p.observations, p.held, p.missing, p.forwarded)
	r.line("  highest resident memory by quarter of the time: %d, %d, %d, %d MiB", mib(p.memory[0]), mib(p.memory[1]), mib(p.memory[2]), mib(p.memory[3]))
}

func (r *report) reads(c readCosts) {
	r.read = c
	r.line("\nreads: %d of one series, %d points", len(c.ours), c.points)
	for _, way := range []struct {
		name  string
		times []time.Duration
	}{{"bare SQL", c.bare}, {"libs/chio History", c.ours}} {
		r.line("  %-34s p50 %7.2f ms   p95 %7.2f ms", way.name, ms(quantile(way.times, .5)), ms(quantile(way.times, .95)))
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r *report) baseline(c cost) {
	r.base = c
	r.line("\nbaseline: a JSON document a row, each acknowledged, inserts of %d rows, %d rows", baselineInsert, c.rows)
	r.row("the usual pipeline", c)
}

// end prints the last line.
func (r *report) end() {
	p := r.backfill
	r.line("\nbench_pipe: rows_per_s=%.0f publish_ratio=%.2f insert_ratio=%.2f path_ratio=%.2f read_p95_ratio=%.2f rss_mb=%d baseline_ratio=%.1f",
		p.rate(), r.limit.ours.rate()/r.limit.best().rate(), r.inserted.ours.rate()/r.inserted.bare.rate(), p.rate()/limitRate(r.limitPerRow(r.inserted.bare)),
		float64(quantile(r.read.ours, .95))/float64(quantile(r.read.bare, .95)), mib(slices.Max(p.memory[:])), p.rate()/r.base.rate())
}
