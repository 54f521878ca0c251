//go:build !linux

package chaos

import (
	"errors"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

func mountDisk(string, string) error { return errors.New("needs Linux") }

func unmountDisk(string) error { return nil }
