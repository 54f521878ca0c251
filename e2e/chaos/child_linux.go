package chaos

import "syscall"

// dieWithParent has the kernel end a child when this process ends, however it ends.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// mountDisk makes dir a small disk in memory of its own, which can be filled. It needs the right to mount.
func mountDisk(dir string, size string) error {
	return syscall.Mount("chaos", dir, "tmpfs", 0, "mode=0755,size="+size)
}

func unmountDisk(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
