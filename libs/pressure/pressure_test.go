package pressure_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/pressure"
)

func files(text map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, data := range text {
		out[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return out
}

// The files are as the kernel's documentation of cgroup v2 and v1 has them.
func TestRead(t *testing.T) {
	t.Parallel()
	want := pressure.Reading{Memory: 900 << 20, MemoryLimit: 1 << 30, OOMKills: 2, Periods: 1000, Throttled: 250}
	for name, tc := range map[string]struct {
		files map[string]string
		want  pressure.Reading
	}{
		"v2 seen from its container": {map[string]string{
			"proc/self/cgroup":             "0::/\n",
			"sys/fs/cgroup/memory.current": "1048576000\n", // 1000 MiB
			"sys/fs/cgroup/memory.max":     "1073741824\n",
			"sys/fs/cgroup/memory.stat":    "anon 1\ninactive_file 104857600\nactive_file 7\n",
			"sys/fs/cgroup/memory.events":  "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\n",
			"sys/fs/cgroup/cpu.stat":       "usage_usec 5\nnr_periods 1000\nnr_throttled 250\nthrottled_usec 9\n",
		}, want},
		"v2 seen from the host": {map[string]string{
			"proc/self/cgroup": "0::/system.slice/bw\n",
			"sys/fs/cgroup/system.slice/bw/memory.current": "5\n",
			"sys/fs/cgroup/system.slice/bw/memory.max":     "max\n",
		}, pressure.Reading{Memory: 5}},
		"v1": {map[string]string{
			"proc/self/cgroup": "3:cpu,cpuacct:/\n4:memory:/pod/x\n0::/\n",
			"sys/fs/cgroup/memory/pod/x/memory.usage_in_bytes": "1048576000\n",
			"sys/fs/cgroup/memory/pod/x/memory.limit_in_bytes": "1073741824\n",
			"sys/fs/cgroup/memory/pod/x/memory.stat":           "inactive_file 1\ntotal_inactive_file 104857600\n",
			"sys/fs/cgroup/memory/pod/x/memory.oom_control":    "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
			"sys/fs/cgroup/cpu/cpu.stat":                       "nr_periods 1000\nnr_throttled 250\nthrottled_time 9\n",
		}, want},
		"v1 without a limit": {map[string]string{
			"proc/self/cgroup":                           "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "7\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, pressure.Reading{Memory: 7}},
		"another system": {nil, pressure.Reading{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := pressure.NewReader(files(tc.files)).Read()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("reading mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadNamesTheFile(t *testing.T) {
	t.Parallel()
	for file, data := range map[string]string{"sys/fs/cgroup/memory.current": "much\n", "proc/self/cgroup": "nonsense\n"} {
		_, err := pressure.NewReader(files(map[string]string{"sys/fs/cgroup/memory.current": "1\n", file: data})).Read()
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s with %q: error %v, want one that names the file", file, data, err)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	at := func(memory uint64, kills, periods, throttled uint64) pressure.Reading {
		return pressure.Reading{Memory: memory << 20, MemoryLimit: 1000 << 20, OOMKills: kills, Periods: periods, Throttled: throttled}
	}
	limits := pressure.DefaultLimits()
	limits.Readings = 2
	for name, tc := range map[string]struct {
		readings []pressure.Reading
		want     []string // of each reading: codes, with - for an end
	}{
		"calm":                   {[]pressure.Reading{at(100, 5, 0, 0), at(800, 5, 100, 1)}, []string{"", ""}},
		"memory":                 {[]pressure.Reading{at(900, 0, 0, 0), at(850, 0, 0, 0), at(799, 0, 0, 0), at(850, 0, 0, 0)}, []string{pressure.Memory, pressure.Memory, "-" + pressure.Memory, ""}},
		"killed":                 {[]pressure.Reading{at(1, 5, 0, 0), at(1, 6, 0, 0), at(1, 6, 0, 0)}, []string{"", pressure.OOMKill, ""}},
		"throttled":              {[]pressure.Reading{at(1, 0, 0, 0), at(1, 0, 100, 25), at(1, 0, 200, 50), at(1, 0, 300, 65), at(1, 0, 400, 65)}, []string{"", "", pressure.Throttled, pressure.Throttled, "-" + pressure.Throttled}},
		"throttled now and then": {[]pressure.Reading{at(1, 0, 0, 0), at(1, 0, 100, 90), at(1, 0, 200, 95), at(1, 0, 300, 190)}, []string{"", "", "", ""}},
		"too little to say":      {[]pressure.Reading{at(1, 0, 0, 0), at(1, 0, 40, 40), at(1, 0, 80, 80)}, []string{"", "", ""}},
		"a new container":        {[]pressure.Reading{at(1, 9, 900, 900), at(1, 0, 100, 0)}, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := pressure.NewWatch(limits)
			var got []string
			for _, r := range tc.readings {
				var codes []string
				for _, f := range w.Step(r) {
					if f.Message == "" {
						t.Errorf("%s without a message", f.Code)
					}
					if f.Active {
						codes = append(codes, f.Code)
					} else {
						codes = append(codes, "-"+f.Code)
					}
				}
				got = append(got, strings.Join(codes, " "))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("findings mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
