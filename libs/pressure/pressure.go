// Package pressure tells how near a process is to the limits of its container, from the files of cgroup v2 or v1: a
// process that is killed for its memory leaves no message, and one that may not run looks like one that is slow.
//
// A Reader reads, a Watch judges readings one after the other. Without a cgroup that has limits nothing is ever said.
package pressure

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// Reading is the state of the cgroup of this process. Counters count since the cgroup was made.
type Reading struct {
	Memory      uint64 // bytes in use, without file cache that can be given up at once: what counts before a kill
	MemoryLimit uint64 // bytes; 0 means none
	OOMKills    uint64 // processes killed for want of memory
	Periods     uint64 // of the scheduler in which there was something to run, with a limit on processor time
	Throttled   uint64 // of them those in which it had to wait for the next
}

// Reader reads the cgroup of this process.
type Reader struct{ root fs.FS }

// NewReader returns a reader of the file system root, which is os.DirFS("/") but for tests.
func NewReader(root fs.FS) Reader { return Reader{root} }

// Where the kernel shows cgroups.
const (
	mountV2     = "sys/fs/cgroup"
	mountMemory = "sys/fs/cgroup/memory"
	mountCPU    = "sys/fs/cgroup/cpu"
)

// Read returns the present state. What the system does not show is zero; an error says that a file is not as the
// kernel's documentation has it (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/).
func (r Reader) Read() (Reading, error) {
	own, err := r.own()
	if err != nil {
		return Reading{}, err
	}
	if dir, ok := r.find(mountV2, own[""], "memory.current"); ok {
		return r.v2(dir)
	}
	return r.v1(own)
}

// own returns the paths of this process in the hierarchies, by controller; that of v2 has no controller.
func (r Reader) own() (map[string]string, error) {
	out := map[string]string{}
	err := r.lines("proc/self/cgroup", func(line string) error {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			return fmt.Errorf("%q is not hierarchy:controllers:path", line)
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			out[controller] = parts[2]
		}
		return nil
	})
	return out, err
}

// find returns the directory below mount that has a file: that of the path, or, in a container that sees its own cgroup
// as the root, the mount.
func (r Reader) find(mount, own, file string) (string, bool) {
	for _, dir := range []string{path.Join(mount, own), mount} {
		if _, err := fs.Stat(r.root, path.Join(dir, file)); err == nil {
			return dir, true
		}
	}
	return "", false
}

func (r Reader) v2(dir string) (Reading, error) {
	var out Reading
	var cache uint64
	err := errors.Join(
		r.value(dir, "memory.current", &out.Memory),
		r.value(dir, "memory.max", &out.MemoryLimit),
		r.fields(dir, "memory.stat", map[string]*uint64{"inactive_file": &cache}),
		r.fields(dir, "memory.events", map[string]*uint64{"oom_kill": &out.OOMKills}),
		r.fields(dir, "cpu.stat", map[string]*uint64{"nr_periods": &out.Periods, "nr_throttled": &out.Throttled}),
	)
	out.Memory -= min(cache, out.Memory)
	return out, err
}

func (r Reader) v1(own map[string]string) (Reading, error) {
	var out Reading
	var cache uint64
	var errs []error
	if dir, ok := r.find(mountMemory, own["memory"], "memory.usage_in_bytes"); ok {
		errs = append(errs,
			r.value(dir, "memory.usage_in_bytes", &out.Memory),
			r.value(dir, "memory.limit_in_bytes", &out.MemoryLimit),
			r.fields(dir, "memory.stat", map[string]*uint64{"total_inactive_file": &cache}),
			r.fields(dir, "memory.oom_control", map[string]*uint64{"oom_kill": &out.OOMKills}))
	}
	if dir, ok := r.find(mountCPU, own["cpu"], "cpu.stat"); ok {
		errs = append(errs, r.fields(dir, "cpu.stat", map[string]*uint64{"nr_periods": &out.Periods, "nr_throttled": &out.Throttled}))
	}
	out.Memory -= min(cache, out.Memory)
	return out, errors.Join(errs...)
}

// value reads a file of one number. "max", and a number of v1 that no machine has, mean no limit, which is 0. A file that
// is not there is none.
func (r Reader) value(dir, file string, to *uint64) error {
	return r.lines(path.Join(dir, file), func(line string) error {
		if line == "max" {
			return nil
		}
		v, err := strconv.ParseUint(line, 10, 64)
		if err != nil {
			return err
		}
		if v < math.MaxInt64/2 {
			*to = v
		}
		return nil
	})
}

// fields reads numbers of a file of names and numbers.
func (r Reader) fields(dir, file string, to map[string]*uint64) error {
	return r.lines(path.Join(dir, file), func(line string) error {
		name, number, _ := strings.Cut(line, " ")
		p, ok := to[name]
		if !ok {
			return nil
		}
		var err error
		*p, err = strconv.ParseUint(number, 10, 64)
		return err
	})
}

// lines calls f for each line of a file, which need not be there.
func (r Reader) lines(name string, f func(string) error) error {
	file, err := r.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pressure: %w", err)
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	for s.Scan() {
		if err := f(s.Text()); err != nil {
			return fmt.Errorf("pressure: %s: %w", name, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("pressure: %s: %w", name, err)
	}
	return nil
}
