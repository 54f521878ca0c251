package eiasim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type flags struct {
	Listen  string        `help:"Address to serve on." default:"127.0.0.1:8930"`
	Data    string        `help:"CSV file, directory that holds it, or 'generated'. Empty: the default file if present, else generated." env:"BELLWETHER_DATA"`
	Areas   []string      `help:"Balancing authorities (TVA) or sub-areas (MISO-0027). Empty: 12 defaults."`
	Seed    uint64        `help:"Seed of generated data, revisions and faults." default:"1"`
	Lag     time.Duration `help:"Publication lag of demand." default:"1h"`
	Revised float64       `help:"Share of values revised once within 48 h; negative for none." default:"0.003"`
	APIKey  string        `help:"The one API key accepted. Empty: any but INVALID." name:"api-key"`
	Now     string        `help:"Start of the replayed clock, RFC 3339. Empty: everything is visible."`
}

// Main runs the server as a command until SIGTERM or SIGINT and returns the exit code. Its first line on stdout says
// where it listens.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var f flags
	p, err := kong.New(&f, kong.Name("eiasim"), kong.Description("Serve electricity demand with the shape of the EIA API v2."),
		kong.Writers(stdout, stderr))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		err = run(ctx, f, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "eiasim:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, f flags, stdout io.Writer) error {
	cfg := Config{Data: f.Data, Areas: f.Areas, Seed: f.Seed, Lag: f.Lag, Revised: f.Revised, APIKey: f.APIKey}
	if f.Now != "" {
		now, err := time.Parse(time.RFC3339, f.Now)
		if err != nil {
			return fmt.Errorf("now: %w", err)
		}
		cfg.Now = now
	}
	sim, err := New(cfg)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	info := sim.Info()
	ids := make([]string, len(info.Areas))
	for i, a := range info.Areas {
		ids[i] = a.ID
	}
	fmt.Fprintf(stdout, "eiasim: %s data, %s to %s, areas %s, now %s, on http://%s\n", info.Kind, info.First.Format(time.RFC3339),
		info.Last.Format(time.RFC3339), strings.Join(ids, " "), info.Now.Format(time.RFC3339), l.Addr())

	srv := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
