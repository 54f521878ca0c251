package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

// ErrInUse says that the data directory is open in another process, or that
// this process already runs an engine.
var ErrInUse = errors.New("already in use")

// running is the directory of this process's engine. libchdb keeps one engine
// per process in its own global state; this mirrors that state so that a
// second Open gets an error instead of the first engine's data.
//
//nolint:gochecknoglobals // mirrors a process-wide resource
var running atomic.Pointer[string]

// dirLock is the claim on a data directory and on the process's engine.
type dirLock struct {
	file *os.File
	dir  *string
}

func lockDir(dir string) (*dirLock, error) {
	l := &dirLock{dir: &dir}
	if !running.CompareAndSwap(nil, l.dir) {
		other := "another directory"
		if p := running.Load(); p != nil {
			other = *p
		}
		return nil, fmt.Errorf("dir %q: a process can run one engine, and this one runs on %s: close it first: %w", dir, other, ErrInUse)
	}
	var err error
	if l.file, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		l.release()
		return nil, fmt.Errorf("dir %q: %w: make it writable or choose another dir", dir, err)
	}
	// The kernel drops the lock when the process ends, however it ends.
	if err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		l.release()
		return nil, fmt.Errorf("dir %q: another process has it open: stop that process or choose another dir: %w", dir, ErrInUse)
	}
	return l, nil
}

func (l *dirLock) release() {
	if l.file != nil {
		_ = l.file.Close() // nothing was written
	}
	running.CompareAndSwap(l.dir, nil)
}
