package chio

import (
	"syscall"
	"testing"
)

// Oracle: the size that the kernel gives for the file system of the engine's folder.
func TestDisks(t *testing.T) {
	disks, err := open(t).Disks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(t.TempDir(), &fs); err != nil {
		t.Fatal(err)
	}
	total := fs.Blocks * uint64(fs.Bsize)
	if len(disks) != 1 || disks[0].Free == 0 || disks[0].Free > disks[0].Total || disks[0].Total > total || disks[0].Total < total/2 {
		t.Errorf("disks %+v, want one with at most %d bytes", disks, total)
	}
}
