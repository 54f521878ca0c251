//go:build !linux

package bellwether

import "syscall"

// dieWithParent does nothing here: a child of a demo that is killed has to be ended by hand.
func dieWithParent() *syscall.SysProcAttr { return nil }
