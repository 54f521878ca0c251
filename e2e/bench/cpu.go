package bench

import (
	"syscall"
	"time"
)

// CPUTime returns the time this process has spent on processors, which unlike the clock on the wall does not depend on
// what else the machine does.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
