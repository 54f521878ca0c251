package bellwether

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// marker is the file by which a demo knows a folder of its own. It holds the process id of the demo that uses it.
const marker = "bellwether-demo.pid"

// clearDir empties the folder of an earlier demo, and makes it if it is not there. A folder that is not a demo's is left
// alone, and so is one whose demo still runs.
func clearDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		text, err := os.ReadFile(filepath.Join(dir, marker))
		if err != nil {
			return fmt.Errorf("%s has files that are not a demo's; name a new folder", dir)
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid != os.Getpid() && syscall.Kill(pid, 0) == nil {
			return fmt.Errorf("%s is in use by process %d; stop it or name another folder", dir, pid)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, marker), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
}
