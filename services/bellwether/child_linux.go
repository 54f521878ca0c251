package bellwether

import "syscall"

// dieWithParent makes a child end when the demo does, even when the demo is killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
