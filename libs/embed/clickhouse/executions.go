package clickhouse

import (
	"context"
	"strings"
	"sync"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/sqltext"
)

// executions are the statements under way by the ID that their client gave them.
// The engine knows them by IDs of its own.
type executions struct {
	mu  sync.Mutex
	all map[string]*execution
}

// execution is one statement under way.
type execution struct {
	session *session      // on which it runs
	done    chan struct{} // closed when it has ended
}

func newExecutions() *executions { return &executions{all: make(map[string]*execution)} }

// begin notes a statement on s and returns how to note its end. Two statements
// with one ID are refused, as on a server; with replace the earlier one is
// stopped and waited for instead.
func (g *gateway) begin(ctx context.Context, q *request, s *session) (end func(), err error) {
	e := &execution{session: s, done: make(chan struct{})}
	for {
		other := g.running.add(q.queryID, e)
		switch {
		case other == nil:
			return func() { g.running.remove(q.queryID, e) }, nil
		case !isOn(q.settings["replace_running_query"]):
			return nil, exception(codeQueryIDInUse, "Query with id = %s is already running. (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)", q.queryID)
		}
		if err := g.engine.kill(other.session); err != nil {
			return nil, err
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// add notes e under id, or returns what is there already.
func (r *executions) add(id string, e *execution) (other *execution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.all[id]; other != nil {
		return other
	}
	r.all[id] = e
	return nil
}

func (r *executions) remove(id string, e *execution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, id)
	close(e.done)
}

func (r *executions) find(id string) *execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[id]
}

// translateKill puts the engine's IDs for those of clients into a KILL QUERY.
// SYNC is refused: the engine would hold up the statement that it waits for.
func (g *gateway) translateKill(text string) (string, error) {
	if names := sqltext.Names(text); strings.EqualFold(names[len(names)-1].Text, "SYNC") {
		return "", exception(codeNotImplemented, "KILL QUERY ... SYNC is not supported by the embedded engine: use ASYNC and look at system.processes. (NOT_IMPLEMENTED)")
	}
	var out strings.Builder
	at := 0
	for _, literal := range sqltext.Strings(text) {
		e := g.running.find(literal.Value)
		if e == nil {
			continue
		}
		id, err := g.engine.query("SELECT query_id FROM system.processes WHERE Settings['" + markSetting + "'] = " + quote(e.session.mark) + " LIMIT 1")
		if err != nil {
			return "", err
		}
		out.WriteString(text[at:literal.From] + quote(id))
		at = literal.To
	}
	return out.String() + text[at:], nil
}
