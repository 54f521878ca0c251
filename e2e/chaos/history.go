package chaos

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Op is what a line of the history says.
type Op string

// Operations.
const (
	Sent      Op = "sent"      // items are about to be told; they may or may not arrive
	Acked     Op = "acked"     // the pipeline has acknowledged the items of these numbers
	Discarded Op = "discarded" // the pipeline refused the items of these numbers, as it may
	Injected  Op = "fault"
	Healed    Op = "healed"
	Recovered Op = "recovered"
)

// Line is one line of the history file.
type Line struct {
	At    time.Time `json:"at"`
	Op    Op        `json:"op"`
	Items []Item    `json:"items,omitempty"`
	Seqs  []uint64  `json:"seqs,omitempty"`
	Fault string    `json:"fault,omitempty"`
	Note  string    `json:"note,omitempty"`
}

// History is an append-only file of what was told and acknowledged, and what it says so far. A line is in the file
// before it counts. It is safe for concurrent use.
type History struct {
	mu   sync.Mutex
	out  io.WriteCloser
	log  Log
	next uint64
	err  error // the first failure to write
}

// Log is what a history says.
type Log struct {
	Items map[uint64]Item
	Acked map[uint64]time.Time
}

// NewHistory creates the file.
func NewHistory(path string) (*History, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return &History{out: f, log: newLog()}, nil
}

func newLog() Log { return Log{Items: map[uint64]Item{}, Acked: map[uint64]time.Time{}} }

// Send numbers items, in this order, and notes that they are about to be told. All go in one message, whose id and stamp
// depend on the number of the first.
func (h *History) Send(items ...Item) []Item {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range items {
		h.next++
		items[i].Seq = h.next
		items[i].finish(items[0].Seq)
	}
	h.write(Line{Op: Sent, Items: items})
	return items
}

// finish fills in what depends on the number of the first item of its message.
func (i *Item) finish(first uint64) {
	switch i.Kind {
	case Upstream:
		return
	case Direct:
		// Milliseconds tell the revisions of one hour apart.
		i.KnownAt = i.KnownAt.Add(time.Duration(first%1_500_000) * time.Millisecond)
	}
	i.Message = fmt.Sprintf("chaos.%s.%d", i.Kind, first)
}

// Ack notes that items were acknowledged.
func (h *History) Ack(items ...Item) { h.settle(Acked, items) }

// Discard notes that items were refused.
func (h *History) Discard(items ...Item) { h.settle(Discarded, items) }

func (h *History) settle(op Op, items []Item) {
	l := Line{Op: op}
	for _, i := range items {
		l.Seqs = append(l.Seqs, i.Seq)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.write(l)
}

// Note notes a step of a fault.
func (h *History) Note(op Op, fault, note string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.write(Line{Op: op, Fault: fault, Note: note})
}

func (h *History) write(l Line) {
	l.At = time.Now().UTC()
	data, err := json.Marshal(l)
	if err == nil {
		_, err = h.out.Write(append(data, '\n'))
	}
	if err != nil {
		h.err = errors.Join(h.err, fmt.Errorf("history: %w", err))
		return
	}
	h.log.take(l)
}

func (g *Log) take(l Line) {
	switch l.Op {
	case Sent:
		for _, i := range l.Items {
			g.Items[i.Seq] = i
		}
	case Acked:
		for _, n := range l.Seqs {
			g.Acked[n] = l.At
		}
	}
}

// AckedCount returns how many items were acknowledged so far.
func (h *History) AckedCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.log.Acked)
}

// Close ends the history and returns what it says.
func (h *History) Close() (Log, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log, errors.Join(h.err, h.out.Close())
}

// ReadLog reads a history file.
func ReadLog(in io.Reader) (Log, error) {
	g := newLog()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		var l Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return g, fmt.Errorf("history: line %d: %w", n, err)
		}
		g.take(l)
	}
	if err := lines.Err(); err != nil {
		return g, fmt.Errorf("history: %w", err)
	}
	return g, nil
}
