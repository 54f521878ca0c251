package bellwether

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func aLetter() natsio.DeadLetter {
	return natsio.DeadLetter{
		Seq: 7, FailedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Stream: "BW_OBS", Consumer: "validator", Class: "data_integrity",
		Reason: "decode ObservationBatch: permanent", Stage: "handle", Attempts: 1, Subject: "bw.obs.raw.eia.PJM", ID: "m1",
		Header: map[string]string{"ce-id": "x"}, Size: 3, Data: []byte("bad"),
	}
}

func TestPrintLetters(t *testing.T) {
	var out bytes.Buffer
	printLetters(&out, []natsio.DeadLetter{aLetter()})
	for _, want := range []string{"│   7 │ 2026-03-01 12:00:00 │ BW_OBS │ validator │ bw.obs.raw.eia.PJM │ data_integrity │ decode ObservationBatch: permanent │        1 │"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("table lacks %s:\n%s", want, &out)
		}
	}
	out.Reset()
	printLetters(&out, nil)
	check(t, "no dead letters\n", out.String())
}

func TestWriteLetters(t *testing.T) {
	var out bytes.Buffer
	if err := writeLetters(&out, []natsio.DeadLetter{aLetter()}); err != nil {
		t.Fatal(err)
	}
	check(t, `
{"seq":7,"failed_at":"2026-03-01T12:00:00Z","stream":"BW_OBS","consumer":"validator","subject":"bw.obs.raw.eia.PJM","message_id":"m1","reason_class":"data_integrity","reason":"decode ObservationBatch: permanent","stage":"handle","attempts":1,"bytes":3}
`, out.String())
}

func TestShowLetterThatCannotBeDecoded(t *testing.T) {
	var out bytes.Buffer
	showLetter(&out, aLetter())
	for _, want := range []string{"message id   m1\n", "header       ce-id: x\n", "payload      3 bytes\nnot readable: decode ObservationBatch:", "62 61 64", "|bad|"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, &out)
		}
	}
}

func TestPayloadOfOurMessages(t *testing.T) {
	id := series.ID{Source: "eia", Key: "PJM"}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for subject, tc := range map[string]struct {
		data []byte
		want []string
	}{
		wire.Raw(id): {
			wire.EncodeBatch(series.Batch{Series: id, Unit: "MWh", Step: time.Hour, KnownAt: at, Obs: []series.Observation{{TS: at, Value: math.NaN()}, {TS: at, Value: 5}}}),
			[]string{`"Series": "eia.PJM"`, `"Step": "1h0m0s"`, `"KnownAt": "2026-03-01T12:00:00Z"`, `"Value": null`, `"Value": 5`},
		},
		wire.TrainJob(id): {wire.EncodeJob(forecast.Job{Series: id, ID: "j1", Reason: forecast.Manual, AsOf: at}), []string{`"ID": "j1"`, `"Reason": "manual"`}},
		wire.Model(id):    {wire.EncodeModel(forecast.Model{Series: id, ID: "m1", MAE: math.NaN(), MAPE: 2.5}), []string{`"ID": "m1"`, `"MAE": null`, `"MAPE": 2.5`}},
		"other.subject":   {bytes.Repeat([]byte("x"), 600), []string{"not readable: not a subject of ours\n", "and 88 bytes more"}},
	} {
		got := payload(subject, tc.data)
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: payload lacks %s:\n%s", subject, want, got)
			}
		}
	}
}

func TestChoice(t *testing.T) {
	for name, tc := range map[string]struct {
		c  Choice
		ok bool
	}{
		"all":                    {Choice{Seqs: []string{"all"}}, true},
		"all of a consumer":      {Choice{Seqs: []string{"all"}, Consumer: "validator"}, true},
		"named":                  {Choice{Seqs: []string{"1", "2"}}, true},
		"named, with a consumer": {Choice{Seqs: []string{"1"}, Consumer: "validator"}, false},
		"all beside a number":    {Choice{Seqs: []string{"all", "1"}}, false},
		"zero":                   {Choice{Seqs: []string{"0"}}, false},
		"no number":              {Choice{Seqs: []string{"x"}}, false},
	} {
		if err := tc.c.Validate(); (err == nil) != tc.ok {
			t.Errorf("%s: Validate = %v, want accepted %v", name, err, tc.ok)
		}
	}
}

// The commands as they are typed, on a bus with four dead letters of two consumers and one that cannot be replayed.
func TestCommandsOnABus(t *testing.T) {
	srv, err := natsserver.Open(t.Context(), natsserver.Config{Dir: t.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close(context.Background())
	bus, err := natsio.Connect(t.Context(), natsio.Config{URL: srv.URL()}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	if _, err := natsio.Provision(t.Context(), bus, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, consumer := range []string{"validator", "validator", "validator", "monitor", "stranger"} {
		m := stage.Message{Subject: wire.DLQ(wire.StreamObs, consumer), ID: fmt.Sprint(i), Data: []byte("x"), Header: map[string]string{
			natsio.HeaderSubject: "bw.obs.raw.eia.PJM", natsio.HeaderMessageID: fmt.Sprintf("m%d", i+1), natsio.HeaderReason: "bad",
		}}
		if consumer == "stranger" {
			m.Header = nil
		}
		if err := bus.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		args string
		ok   bool
		want string // of output, or of the error
	}{
		{"list --json --consumer=monitor", true, `{"seq":4,`},
		{"show 1", true, "message id   m1\n"},
		{"replay 1 9", false, "dead letter 9 is gone, or never was"},
		{"replay 1", false, "dead letter 1 is gone, or never was"},
		{"discard 2", true, "2: discarded m2 of bw.obs.raw.eia.PJM: bad\n"},
		{"show 2", false, "not found"},
		{"discard all --consumer=monitor", true, "4: discarded m4 of bw.obs.raw.eia.PJM: bad\n"},
		{"replay all", false, "no original subject; it stays where it is"},
		{"replay 3", false, "dead letter 3 is gone"},
		{"discard 5", true, "5: discarded 1 bytes of unknown origin\n"},
		{"replay all", true, "no dead letters\n"},
		{"list", true, "no dead letters\n"},
	} {
		var out bytes.Buffer
		args := append([]string{"dlq"}, strings.Fields(step.args)...)
		err := run(t.Context(), append(args, "--nats-url="+srv.URL()), Output{Out: &out, Err: &out})
		if err != nil {
			fmt.Fprintln(&out, err)
		}
		if (err == nil) != step.ok || !strings.Contains(out.String(), step.want) {
			t.Errorf("dlq %s: %v, want success %v and %q:\n%s", step.args, err, step.ok, step.want, &out)
		}
	}
	// Oracle: of the four, 1 and 3 were replayed.
	if m, _, err := bus.Last(t.Context(), wire.StreamObs, wire.AllRaw); err != nil || m.ID != "m3.replay.3" {
		t.Errorf("last raw message %q, %v, want m3.replay.3", m.ID, err)
	}
}
