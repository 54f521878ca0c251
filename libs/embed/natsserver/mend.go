package natsserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
)

const (
	mendPause = 500 * time.Millisecond
	// mendRoom is how many bytes have to fit on the disk for a new start to be worth it.
	mendRoom = 1 << 20
)

// mend starts the server anew when a write to disk has failed, as soon as there is room again. A stream that could not
// be written once, above all because the disk was full, refuses everything from then on, and leaves its publishers
// without an answer, until the server is started again. Nothing acknowledged is lost by that: clients see a lost
// connection and come back.
func (s *Server) mend(ctx context.Context) {
	defer close(s.mended)
	for {
		select {
		case <-s.log.broken:
		case <-ctx.Done():
			return
		}
		s.log.log.Error("the bus cannot write to its disk; it starts again when there is room", zap.String("dir", s.opts.StoreDir))
		if !untilDone(ctx, s.hasRoom) {
			return
		}
		s.shutdown()
		if !untilDone(ctx, func() error { return s.start(ctx) }) {
			return
		}
		select { // what the server said before it was shut down
		case <-s.log.broken:
		default:
		}
		s.log.log.Info("the bus has started again and can write")
	}
}

// untilDone calls f now and then until it succeeds, or returns false when ctx ends first.
func untilDone(ctx context.Context, f func() error) bool {
	for ctx.Err() == nil {
		if f() == nil {
			return true
		}
		select {
		case <-time.After(mendPause):
		case <-ctx.Done():
		}
	}
	return false
}

// hasRoom returns nil when the disk takes a file of some size.
func (s *Server) hasRoom() error {
	f, err := os.CreateTemp(s.opts.StoreDir, ".room-*")
	if err != nil {
		return fmt.Errorf("probe disk: %w", err)
	}
	_, err = f.Write(make([]byte, mendRoom))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
