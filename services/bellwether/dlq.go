package bellwether

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// DLQ is about dead letters: messages that a service gave up.
type DLQ struct {
	NATS natsio.Config `embed:"" prefix:"nats-"`

	List    DLQList    `cmd:"" help:"List dead letters, oldest first."`
	Show    DLQShow    `cmd:"" help:"Show one with its headers and payload."`
	Replay  DLQReplay  `cmd:"" help:"Publish dead letters again where they were published first, and remove them."`
	Discard DLQDiscard `cmd:"" help:"Remove dead letters for good. Nothing is asked."`
}

// DLQList lists dead letters.
type DLQList struct {
	Consumer string `help:"Only what this consumer gave up."`
	JSON     bool   `help:"Print JSON, one a line."`
}

// Run implements the command.
func (l *DLQList) Run(ctx context.Context, out Output, d *DLQ) error {
	bus, err := Connection{NATS: d.NATS}.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	list, err := bus.DeadLetters(ctx, l.Consumer)
	if err != nil {
		return err
	}
	if l.JSON {
		return writeLetters(out.Out, list)
	}
	printLetters(out.Out, list)
	return nil
}

// letter is a dead letter in JSON.
type letter struct {
	Seq      uint64    `json:"seq"`
	FailedAt time.Time `json:"failed_at"`
	Stream   string    `json:"stream"`
	Consumer string    `json:"consumer"`
	Subject  string    `json:"subject"`
	ID       string    `json:"message_id"`
	Class    string    `json:"reason_class"`
	Reason   string    `json:"reason"`
	Stage    string    `json:"stage"`
	Attempts int       `json:"attempts"`
	Size     int       `json:"bytes"`
}

func writeLetters(w io.Writer, list []natsio.DeadLetter) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, d := range list {
		err := enc.Encode(letter{d.Seq, d.FailedAt, d.Stream, d.Consumer, d.Subject, d.ID, string(d.Class), d.Reason, d.Stage, d.Attempts, d.Size})
		if err != nil {
			return err
		}
	}
	return nil
}

func printLetters(w io.Writer, list []natsio.DeadLetter) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no dead letters")
		return
	}
	t := newTable(w, "seq", "when", "stream", "consumer", "subject", "class", "reason", "attempts")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "reason", WidthMax: 60}})
	for _, d := range list {
		t.AppendRow(table.Row{d.Seq, d.FailedAt.Format(time.DateTime), d.Stream, d.Consumer, d.Subject, d.Class, d.Reason, d.Attempts})
	}
	t.Render()
}

// DLQShow shows a dead letter.
type DLQShow struct {
	Seq uint64 `arg:"" help:"Sequence of the dead letter, as list shows it."`
}

// Run implements the command.
func (s *DLQShow) Run(ctx context.Context, out Output, d *DLQ) error {
	bus, err := Connection{NATS: d.NATS}.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	x, err := bus.DeadLetter(ctx, s.Seq)
	if err != nil {
		return err
	}
	showLetter(out.Out, x)
	return nil
}

func showLetter(w io.Writer, d natsio.DeadLetter) {
	for _, line := range [][2]string{
		{"dead letter", strconv.FormatUint(d.Seq, 10)},
		{"given up", fmt.Sprintf("%s by %s of %s, stage %q, attempt %d", d.FailedAt.Format(time.RFC3339), d.Consumer, d.Stream, d.Stage, d.Attempts)},
		{"class", string(d.Class)},
		{"reason", d.Reason},
		{"subject", d.Subject},
		{"message id", d.ID},
	} {
		fmt.Fprintf(w, "%-12s %s\n", line[0], line[1])
	}
	for _, name := range slices.Sorted(maps.Keys(d.Header)) {
		fmt.Fprintf(w, "%-12s %s: %s\n", "header", name, d.Header[name])
	}
	fmt.Fprintf(w, "%-12s %d bytes\n%s\n", "payload", len(d.Data), payload(d.Subject, d.Data))
}

// maxHex is how much of a payload that is not one of our messages is shown, in bytes.
const maxHex = 512

// payload is readable JSON of a message that was published on subject, or else the beginning of its bytes.
func payload(subject string, data []byte) string {
	v, err := decode(subject, data)
	if err == nil {
		var text []byte
		if text, err = json.MarshalIndent(v, "", "  "); err == nil {
			return string(text)
		}
	}
	dump := hex.Dump(data[:min(len(data), maxHex)])
	if len(data) > maxHex {
		dump += fmt.Sprintf("and %d bytes more\n", len(data)-maxHex)
	}
	return strings.TrimSuffix(fmt.Sprintf("not readable: %v\n%s", err, dump), "\n")
}

var errUnknownSubject = errors.New("not a subject of ours")

func decode(subject string, data []byte) (any, error) {
	switch {
	case strings.HasPrefix(subject, "bw.obs."):
		return decoded(wire.DecodeBatch(data))
	case strings.HasPrefix(subject, "bw.job.train."):
		return decoded(wire.DecodeJob(data))
	case strings.HasPrefix(subject, "bw.model."):
		return decoded(wire.DecodeModel(data))
	case strings.HasPrefix(subject, "bw.forecast."):
		return decoded(wire.DecodeForecast(data))
	case strings.HasPrefix(subject, "bw.event."):
		return decoded(wire.DecodeEvent(data))
	case strings.HasPrefix(subject, "bw.alert."):
		return decoded(wire.DecodeAlert(data))
	}
	return nil, errUnknownSubject
}

func decoded[T any](v T, err error) (any, error) { return jsonValue(v), err }

// DLQReplay publishes dead letters again.
type DLQReplay struct {
	Choice `embed:""`
}

// Run implements the command.
func (r *DLQReplay) Run(ctx context.Context, out Output, d *DLQ) error {
	return r.each(ctx, out.Out, d, func(bus *natsio.Bus, seq uint64) (string, error) {
		x, err := bus.Replay(ctx, seq)
		return fmt.Sprintf("replayed %s on %s", x.ID, x.Subject), err
	})
}

// DLQDiscard removes dead letters.
type DLQDiscard struct {
	Choice `embed:""`
}

// Run implements the command.
func (r *DLQDiscard) Run(ctx context.Context, out Output, d *DLQ) error {
	return r.each(ctx, out.Out, d, func(bus *natsio.Bus, seq uint64) (string, error) {
		x, err := bus.Discard(ctx, seq)
		if x.Subject == "" {
			return fmt.Sprintf("discarded %d bytes of unknown origin", x.Size), err
		}
		return fmt.Sprintf("discarded %s of %s: %s", x.ID, x.Subject, x.Reason), err
	})
}

// Choice names dead letters.
type Choice struct {
	Seqs     []string `arg:"" name:"seq" help:"Sequences of dead letters, as list shows them; 'all' for every one there is now."`
	Consumer string   `help:"With 'all': only what this consumer gave up."`
}

// Validate checks that the arguments are sequences, or all.
func (c *Choice) Validate() error {
	if c.all() {
		return nil
	}
	if c.Consumer != "" {
		return errors.New("--consumer goes with 'all' alone")
	}
	_, err := c.named()
	return err
}

func (c *Choice) all() bool { return len(c.Seqs) == 1 && c.Seqs[0] == "all" }

func (c *Choice) named() ([]uint64, error) {
	var seqs []uint64
	for _, s := range c.Seqs {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q is not a sequence; bellwether dlq list shows them, and 'all' stands alone", s)
		}
		seqs = append(seqs, n)
	}
	return seqs, nil
}

// each does something with every dead letter chosen and says what. All are tried; the error joins what went wrong. One
// that is gone is an error only if it was named.
func (c *Choice) each(ctx context.Context, w io.Writer, d *DLQ, do func(bus *natsio.Bus, seq uint64) (string, error)) error {
	bus, err := Connection{NATS: d.NATS}.bus(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	seqs, err := c.choose(ctx, bus)
	if err != nil {
		return err
	}
	if len(seqs) == 0 {
		fmt.Fprintln(w, "no dead letters")
	}
	var errs []error
	for _, seq := range seqs {
		said, err := do(bus, seq)
		switch {
		case err == nil:
			fmt.Fprintf(w, "%d: %s\n", seq, said)
		case errors.Is(err, natsio.ErrNotFound) && c.all():
			fmt.Fprintf(w, "%d: gone already\n", seq)
		case errors.Is(err, natsio.ErrUnavailable) || ctx.Err() != nil:
			return errors.Join(append(errs, err)...) // the others would wait in vain too
		case errors.Is(err, natsio.ErrNotFound):
			errs = append(errs, fmt.Errorf("dead letter %d is gone, or never was", seq))
		default:
			errs = append(errs, fmt.Errorf("%w; it stays where it is", err))
		}
	}
	return errors.Join(errs...)
}

// choose returns the sequences. Those of 'all' are listed before anything is replayed, so that a message which is given
// up again is not replayed without end.
func (c *Choice) choose(ctx context.Context, bus *natsio.Bus) ([]uint64, error) {
	if !c.all() {
		return c.named()
	}
	list, err := bus.DeadLetters(ctx, c.Consumer)
	var seqs []uint64
	for _, d := range list {
		seqs = append(seqs, d.Seq)
	}
	return seqs, err
}
