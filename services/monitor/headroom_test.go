package monitor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/event"
)

// told keeps what is reported, as the words of a line.
type told []string

func (s *told) Raise(_ context.Context, e event.Error) error {
	*s = append(*s, "raise "+string(e.Severity)+" "+e.Subject+" "+strings.SplitN(e.Message, " of ", 2)[0])
	return nil
}

func (s *told) Clear(_ context.Context, e event.Error) error {
	*s = append(*s, "clear "+e.Subject)
	return nil
}

func TestHeadroom(t *testing.T) {
	t.Parallel()
	var out told
	var free uint64
	var fails error
	h := newHeadroom(func(context.Context) ([]chio.Disk, error) {
		return []chio.Disk{{Name: "default", Free: free << 30, Total: 100 << 30}}, fails
	}, &out, zap.NewNop())
	for _, step := range []struct {
		free uint64 // percent
		err  error
		want told
	}{
		{50, nil, told{"clear clickhouse/default"}},
		{9, nil, told{"raise warning clickhouse/default 9.0"}},
		{14, nil, told{"raise warning clickhouse/default 14.0"}}, // not over yet
		{4, nil, told{"raise critical clickhouse/default 4.0"}},
		{3, errors.New("down"), nil},
		{15, nil, told{"clear clickhouse/default"}},
		{14, nil, told{"clear clickhouse/default"}},
	} {
		out, free, fails = nil, step.free, step.err
		h.look(t.Context())
		if diff := cmp.Diff(step.want, out); diff != "" {
			t.Errorf("%d %% free: mismatch (-want +got):\n%s", step.free, diff)
		}
	}
}
