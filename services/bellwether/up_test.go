package bellwether

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
)

func TestChoose(t *testing.T) {
	known := []string{"bus", "store"}
	for name, tc := range map[string]struct{ given, want []string }{
		"all":  {[]string{"all"}, known},
		"none": {[]string{"none"}, nil},
		"some": {[]string{"store"}, []string{"store"}},
	} {
		if got, err := choose("embed", tc.given, known); err != nil || !cmp.Equal(tc.want, got) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, tc.want)
		}
	}
	if _, err := choose("embed", []string{"buss"}, known); err == nil || !strings.Contains(err.Error(), `embed: "buss" is not one of bus, store`) {
		t.Errorf("unknown name: %v, want an error that names the flag and the choices", err)
	}
}

func TestSuperviseStartsAgainWithGrowingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var starts []time.Duration
		began := time.Now()
		err := supervise(ctx, "x", zap.NewNop(), func(context.Context, *zap.Logger) error {
			starts = append(starts, time.Since(began))
			if len(starts) == 8 {
				cancel()
				return nil
			}
			return errors.New("broken")
		})
		if err != nil || len(starts) != 8 {
			t.Fatalf("supervise = %v after %d starts, want nil after 8", err, len(starts))
		}
		// Oracle: exponential backoff from 1 s by 1.5 with 50 % jitter: 7 waits lie between 16.1 s and 48.3 s in all.
		if total := starts[7]; total < 16*time.Second || total > 49*time.Second {
			t.Errorf("eighth start after %s, want the waits to grow", total)
		}
	})
}

func TestSuperviseEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := errors.New("stopped late")
	if err := supervise(ctx, "x", zap.NewNop(), func(context.Context, *zap.Logger) error { return stopped }); !errors.Is(err, stopped) {
		t.Errorf("supervise = %v, want the service's own error", err)
	}
}
