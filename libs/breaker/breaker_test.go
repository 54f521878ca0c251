package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
)

var (
	errDown = errors.New("connection refused")
	errData = errors.New("value out of range")
)

func returns(err error) func() error { return func() error { return err } }

// The states after each call follow from the settings: three failures in a row open.
func TestOpens(t *testing.T) {
	for name, tc := range map[string]struct {
		errs []error
		want breaker.State
	}{
		"no call":                   {want: breaker.Closed},
		"successes":                 {errs: []error{nil, nil, nil, nil}, want: breaker.Closed},
		"two failures":              {errs: []error{errDown, errDown}, want: breaker.Closed},
		"three failures":            {errs: []error{errDown, errDown, errDown}, want: breaker.Open},
		"a success between":         {errs: []error{errDown, errDown, nil, errDown, errDown}, want: breaker.Closed},
		"bad data":                  {errs: []error{errData, errData, errData, errData}, want: breaker.Closed},
		"bad data proves it is up":  {errs: []error{errDown, errDown, errData, errDown}, want: breaker.Closed},
		"cancelled":                 {errs: []error{context.Canceled, context.Canceled, context.Canceled}, want: breaker.Closed},
		"cancelled proves nothing":  {errs: []error{errDown, errDown, context.Canceled, errDown}, want: breaker.Open},
		"deadline is a failure":     {errs: []error{context.DeadlineExceeded, errDown, errDown}, want: breaker.Open},
		"failures that are wrapped": {errs: []error{fmt.Errorf("write: %w", errDown), errDown, errDown}, want: breaker.Open},
	} {
		t.Run(name, func(t *testing.T) {
			b := breaker.New(breaker.Settings{
				Name:     "store",
				Failures: 3,
				Failure:  func(err error) bool { return !errors.Is(err, errData) },
			}, nil)
			for i, err := range tc.errs {
				if got := b.Do(returns(err)); !errors.Is(got, err) {
					t.Errorf("Do of call %d returned %v, want %v", i, got, err)
				}
			}
			if got := b.State(); got != tc.want {
				t.Errorf("state is %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRefusesWhileOpenAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		b := breaker.New(breaker.Settings{Name: "store", Failures: 1, Cooldown: time.Second}, reg)
		_ = b.Do(returns(errDown))

		called := false
		err := b.Do(func() error { called = true; return nil })
		if !errors.Is(err, breaker.ErrOpen) || called {
			t.Fatalf("Do while open returned %v and called %t, want ErrOpen and no call", err, called)
		}
		if !strings.Contains(err.Error(), "store") {
			t.Errorf("error %q does not name the dependency", err)
		}

		<-time.After(time.Second + time.Millisecond)
		if got := b.State(); got != breaker.HalfOpen {
			t.Fatalf("state after the cooldown is %s, want half_open", got)
		}
		if err := b.Do(returns(nil)); err != nil {
			t.Fatalf("Do after the cooldown: %v", err)
		}
		if got := b.State(); got != breaker.Closed {
			t.Errorf("state after a success is %s, want closed", got)
		}

		want := `
			# HELP bellwether_breaker_open 1 while calls to the dependency are refused, 0.5 while one call tries it, 0 while calls go through.
			# TYPE bellwether_breaker_open gauge
			bellwether_breaker_open{dependency="store"} 0
			# HELP bellwether_breaker_opened_total Times the breaker of the dependency opened.
			# TYPE bellwether_breaker_opened_total counter
			bellwether_breaker_opened_total{dependency="store"} 1
			# HELP bellwether_breaker_rejected_total Calls refused without reaching the dependency.
			# TYPE bellwether_breaker_rejected_total counter
			bellwether_breaker_rejected_total{dependency="store"} 1
		`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	})
}

func TestOpensAgainWhenTheTrialFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Name: "store", Failures: 1, Cooldown: time.Second}, nil)
		_ = b.Do(returns(errDown))
		<-time.After(time.Second + time.Millisecond)
		_ = b.Do(returns(errDown))
		if got := b.State(); got != breaker.Open {
			t.Errorf("state after a failed trial is %s, want open", got)
		}
	})
}

// One registry serves several breakers, as in the process that runs all services.
func TestSharedRegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	for _, name := range []string{"clickhouse", "eia", "clickhouse"} {
		b := breaker.New(breaker.Settings{Name: name, Failures: 1}, reg)
		_ = b.Do(returns(errDown))
	}
	got, err := testutil.GatherAndCount(reg, "bellwether_breaker_opened_total")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(2, got); diff != "" {
		t.Errorf("series of bellwether_breaker_opened_total (-want +got):\n%s", diff)
	}
}
