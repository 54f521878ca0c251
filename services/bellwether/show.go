package bellwether

import (
	"fmt"
	"io"
	"os"
	"time"
)

// show tells a person what the demo is doing: a line a stage, with progress in place on a terminal.
type show struct {
	w       io.Writer
	started time.Time
	tty     bool
	pending string    // progress line on screen
	last    time.Time // of the last progress
	title   string
}

func newShow(w io.Writer, started time.Time) *show {
	s := &show{w: w, started: started}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			s.tty = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return s
}

// stage runs a stage and prints what came of it.
func (s *show) stage(title string, run func() (string, error)) error {
	s.title = title
	s.progress("…")
	result, err := run()
	s.done()
	mark := "✓"
	if err != nil {
		mark, result = "✗", err.Error()
	}
	fmt.Fprintf(s.w, "%6.1fs %s %s: %s\n", time.Since(s.started).Seconds(), mark, title, result)
	if err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	return nil
}

// progress replaces the line on the terminal; elsewhere it prints nothing, so that logs stay short.
func (s *show) progress(format string, args ...any) {
	if !s.tty || time.Since(s.last) < 100*time.Millisecond {
		return
	}
	s.last = time.Now()
	s.pending = fmt.Sprintf("%6.1fs · %s: ", time.Since(s.started).Seconds(), s.title) + fmt.Sprintf(format, args...)
	fmt.Fprintf(s.w, "\r\x1b[K%s", s.pending)
}

// note prints a line under the running stage.
func (s *show) note(format string, args ...any) {
	s.done()
	fmt.Fprintf(s.w, "        │ %s\n", fmt.Sprintf(format, args...))
}

// done clears the progress line.
func (s *show) done() {
	if s.pending != "" {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.pending = ""
	}
}
