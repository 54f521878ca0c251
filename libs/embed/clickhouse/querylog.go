package clickhouse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/record"
)

const (
	logInterval = 5 * time.Second // between two writes
	logBatch    = 1000            // statements that are written at once, whatever the time
	logQueue    = 4096            // statements that ended while the writer is at work
	logBacklog  = 10_000          // statements kept while the table cannot be written
	logText     = 10_000          // bytes kept of a statement or an error
)

// queryLog writes what the gateway ran into a table. Statements hand over their
// entry and go on; one goroutine writes batches on a connection of its own, past
// the gateway, so that the log does not log itself. What cannot be written, as
// before the table is created, waits; when too much waits, the oldest is
// dropped, and the log of the process says how many.
type queryLog struct {
	insert  string
	conn    *session
	log     *zap.Logger
	entries chan record.Query
	flushes chan chan struct{}
	stop    chan struct{}
	stopped chan struct{}

	// Of the goroutine alone:
	waiting []record.Query
	dropped int
}

// openQueryLog starts the log into table, written database.table.
func openQueryLog(engine *backend, table string, log *zap.Logger) (*queryLog, error) {
	l := &queryLog{
		log: log, entries: make(chan record.Query, logQueue), flushes: make(chan chan struct{}),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	database, name, _ := strings.Cut(table, ".")
	l.insert = "INSERT INTO " + quoteName(database) + "." + quoteName(name)
	var err error
	if l.conn, err = engine.open(); err != nil {
		return nil, err
	}
	if err := l.conn.exec("SET async_insert = 0, date_time_input_format = 'best_effort', max_threads = 1"); err != nil {
		l.conn.conn.Close()
		return nil, err
	}
	go l.run()
	return l, nil
}

// add hands over an entry. It never waits: an entry that finds the queue full is
// lost, which takes a writer that is stuck.
func (l *queryLog) add(q record.Query) {
	q.Text, q.Exception = cut(q.Text), cut(q.Exception)
	select {
	case l.entries <- q:
	default:
		l.log.Warn("query log is full, a statement is not in it", zap.String("query_id", q.QueryID))
	}
}

// flush waits until everything that was added has been written, if it can be.
func (l *queryLog) flush() {
	done := make(chan struct{})
	l.flushes <- done
	<-done
}

// close writes what waits and stops.
func (l *queryLog) close() {
	close(l.stop)
	<-l.stopped
	l.conn.conn.Close()
}

func (l *queryLog) run() {
	defer close(l.stopped)
	tick := time.NewTicker(logInterval)
	defer tick.Stop()
	for {
		select {
		case q := <-l.entries:
			if l.keep(q); len(l.waiting)%logBatch == 0 {
				l.write()
			}
		case <-tick.C:
			l.write()
		case done := <-l.flushes:
			l.drain()
			l.write()
			close(done)
		case <-l.stop:
			l.drain()
			l.write()
			return
		}
	}
}

func (l *queryLog) keep(q record.Query) {
	if len(l.waiting) == logBacklog {
		l.waiting = append(l.waiting[:0], l.waiting[logBatch:]...)
		l.dropped += logBatch
	}
	l.waiting = append(l.waiting, q)
}

func (l *queryLog) drain() {
	for {
		select {
		case q := <-l.entries:
			l.keep(q)
		default:
			return
		}
	}
}

// write writes all that waits, as one part of the table.
func (l *queryLog) write() {
	if len(l.waiting) == 0 {
		return
	}
	if err := l.send(); err != nil {
		l.log.Debug("query log cannot be written yet", zap.Int("waiting", len(l.waiting)), zap.Error(err))
		return
	}
	if l.dropped > 0 {
		l.log.Warn("query log could not be written for a while, the oldest statements are not in it", zap.Int("dropped", l.dropped))
	}
	l.waiting, l.dropped = l.waiting[:0], 0
}

func (l *queryLog) send() error {
	var rows bytes.Buffer
	enc := json.NewEncoder(&rows)
	for _, q := range l.waiting {
		if err := enc.Encode(q); err != nil {
			return fmt.Errorf("encode entry: %w", err)
		}
	}
	ins, err := l.conn.conn.Insert(l.insert, "JSONEachRow", nil)
	if err != nil {
		return err
	}
	defer ins.Close()
	if _, err := ins.Write(rows.Bytes()); err != nil {
		return err
	}
	_, err = ins.Finish()
	return err
}

// cut bounds a text, at a whole character.
func cut(s string) string {
	if len(s) > logText {
		s = s[:logText]
	}
	return strings.ToValidUTF8(s, "")
}
