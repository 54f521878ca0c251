package natsio_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// serverEnv makes this test binary a NATS server: folder and address, separated by a space.
const serverEnv = "BELLWETHER_TEST_NATS_SERVER"

// serve is the server's process. It ends when it is killed, or when the test that started it ends.
func serve(t *testing.T, where string) {
	t.Helper()
	dir, addr, _ := strings.Cut(where, " ")
	s, err := natsserver.Open(t.Context(), natsserver.Config{Dir: dir, Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("serving " + s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startServer starts a server in a process of its own, which can be killed.
func startServer(t *testing.T, dir, addr string) (url string, kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), serverEnv+"="+dir+" "+addr)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if u, ok := strings.CutPrefix(lines.Text(), "serving "); ok {
			url = u
			break
		}
	}
	if url == "" {
		t.Fatal("the server's process did not come up")
	}
	return url, sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		_ = stdin.Close()
	})
}

// A server killed at any moment has all of a batch or nothing of it, has what it acknowledged, and takes the same
// messages again without storing any twice.
func TestKilledServerHasWholeBatches(t *testing.T) {
	if where := os.Getenv(serverEnv); where != "" {
		serve(t, where)
		return
	}
	const rounds = 8
	dir, addr := t.TempDir(), "127.0.0.1:0"
	random := rand.New(rand.NewPCG(1, 2))
	var batches [][]stage.Message
	acked := map[int]bool{}
	published := 0
	for range rounds {
		url, kill := startServer(t, dir, addr)
		addr = strings.TrimPrefix(url, "nats://")
		b := connectWith(t, natsio.Config{URL: url, Timeout: 20 * time.Second})
		if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
			t.Fatal(err)
		}
		// The kill comes at a random moment of the publishing.
		killer := time.AfterFunc(time.Duration(random.IntN(200))*time.Millisecond, kill)
		for {
			batch := burst(published, 40+random.IntN(400))
			published += len(batch)
			batches = append(batches, batch)
			err := b.Publish(t.Context(), batch...)
			if err != nil {
				if !errors.Is(err, natsio.ErrUnavailable) {
					t.Errorf("Publish to a killed server = %v, want ErrUnavailable", err)
				}
				break
			}
			acked[len(batches)-1] = true
		}
		killer.Stop()
		kill()
		b.Close()
	}

	s := openServerAt(t, dir, addr)
	js := jetStream(t, s.URL())
	got, _ := stored(t, js, wire.StreamObs)
	var want []string
	kept, gone := 0, 0
	for i, batch := range batches {
		switch n := common(got[min(len(want), len(got)):], ids(batch)); {
		case n == len(batch):
			want = append(want, ids(batch)...)
			if !acked[i] {
				kept++
			}
		case n > 0:
			t.Errorf("batch %d: %d of %d messages are stored", i, n, len(batch))
		case acked[i]:
			t.Errorf("batch %d was acknowledged and is lost", i)
		default:
			gone++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored ids mismatch (-want +got):\n%s", diff)
	}
	t.Logf("%d batches acknowledged; of those that were not, %d are stored and %d are not", len(acked), kept, gone)

	b := connect(t, s.URL())
	for _, batch := range batches {
		publish(t, b, batch...)
	}
	again, _ := stored(t, js, wire.StreamObs)
	if seen := counts(again); len(seen) != published || len(again) != published {
		t.Errorf("after publishing all again: %d messages, %d different ones; want %d", len(again), len(seen), published)
	}
}

// common returns how many leading elements a and b have in common.
func common(a, b []string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func counts(ids []string) map[string]int {
	out := map[string]int{}
	for _, id := range ids {
		out[id]++
	}
	return out
}
