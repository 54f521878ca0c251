package natsio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func TestControl(t *testing.T) {
	b := openBus(t)
	stop, err := b.Serve("trainer", "devel", "fits models", map[string]func(context.Context, []byte) ([]byte, error){
		"echo": func(_ context.Context, data []byte) ([]byte, error) { return data, nil },
		"fail": func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no store\nreally") },
		"bad": func(context.Context, []byte) ([]byte, error) {
			return nil, fmt.Errorf("no such series: %w", stage.ErrPermanent)
		},
		"panic": func(context.Context, []byte) ([]byte, error) { panic("oops") },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if got, err := b.Request(ctx, wire.Control("trainer", "echo"), []byte("hello")); string(got) != "hello" || err != nil {
		t.Errorf("echo = %q, %v", got, err)
	}
	for verb, code := range map[string]string{"fail": natsio.CodeFailed, "bad": natsio.CodeInvalid, "panic": natsio.CodeFailed} {
		_, err := b.Request(ctx, wire.Control("trainer", verb), nil)
		var service *natsio.ServiceError
		if !errors.As(err, &service) || service.Code != code {
			t.Errorf("%s = %v, want a service error with code %s", verb, err, code)
		}
		if permanent := errors.Is(err, stage.ErrPermanent); permanent != (code == natsio.CodeInvalid) {
			t.Errorf("%s: permanent is %v", verb, permanent)
		}
	}
	if _, err := b.Request(ctx, wire.Control("trainer", "nothing"), nil); !errors.Is(err, natsio.ErrNotFound) {
		t.Errorf("request nobody serves = %v, want ErrNotFound", err)
	}

	found, err := b.Ping(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].ID == "" || found[0].RTT <= 0 {
		t.Fatalf("Ping = %+v, want the trainer", found)
	}
	found[0].ID, found[0].RTT = "", 0
	if diff := cmp.Diff(natsio.Service{Name: "trainer", Version: "devel", Description: "fits models"}, found[0]); diff != "" {
		t.Errorf("Ping mismatch (-want +got):\n%s", diff)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if found, err := b.Ping(ctx); len(found) != 0 || err != nil {
		t.Errorf("Ping after stop = %v, %v, want none", found, err)
	}
}
