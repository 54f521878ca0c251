// Command k8stest tests Bellwether on the cluster that kubectl reaches: see docs/operations.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/k8s"
)

func main() {
	t := &k8s.Test{Log: os.Stderr}
	flag.StringVar(&t.Registry, "registry", "localhost:5055/bellwether", "where to push images")
	flag.StringVar(&t.Tag, "tag", "test-"+time.Now().UTC().Format("20060102-150405"), "tag of the images")
	flag.StringVar(&t.Overlay, "overlay", "deploy/k8s/overlays/local", "overlay to test")
	flag.StringVar(&t.Volumes, "volumes", "", "folder for volumes, when the cluster makes none and this machine is its node")
	flag.BoolVar(&t.SkipBuild, "skip-build", false, "the images with this tag are there")
	flag.BoolVar(&t.SkipSetup, "skip-setup", false, "test what is deployed; ready_s is then 0")
	flag.Func("only", "disturbances to try, with commas: outage, kill, roll, scale, evict; all when not given", func(v string) error {
		t.Only = strings.Split(v, ",")
		return nil
	})
	flag.DurationVar(&t.Budget, "budget", 0, "begin no disturbance later than this; 0 means no limit")
	flag.DurationVar(&t.Patience, "patience", 3*time.Minute, "longest wait for any one thing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	result, err := t.Run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "k8stest:", err)
	}
	fmt.Println(result)
	if err != nil {
		os.Exit(1)
	}
}
