package k8s

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// images are the names that deploy/images/build.sh builds and the overlay local refers to.
func images() []string {
	return []string{"ingestor", "validator", "trainer", "forecaster", "monitor", "bellwether", "nats-server", "eiasim", "engine"}
}

// script runs one of the project's scripts, with its output in the log.
func (t *Test) script(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = t.Log, t.Log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// build builds and pushes the images.
func (t *Test) build(ctx context.Context) error {
	if t.SkipBuild {
		return nil
	}
	t.c.say("build and push images to %s", t.Registry)
	return t.script(ctx, []string{"REGISTRY=" + t.Registry, "TAG=" + t.Tag}, "deploy/images/build.sh", images()...)
}

// overlay writes an overlay over the one to test, with the images just built, and returns its folder.
func (t *Test) overlay() (string, error) {
	dir := filepath.Join(".cache", "k8s-test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	base, err := filepath.Rel(dir, t.Overlay)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- %s\nimages:\n", base)
	for _, name := range images() {
		fmt.Fprintf(&b, "- {name: localhost:5055/bellwether/%s, newName: %s/%s, newTag: %q}\n", name, t.Registry, name, t.Tag)
	}
	return dir, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(b.String()), 0o644)
}

// deploy brings Bellwether up and returns how long that took.
func (t *Test) deploy(ctx context.Context) (time.Duration, error) {
	dir, err := t.overlay()
	if err != nil {
		return 0, err
	}
	if err := t.volumes(ctx); err != nil {
		return 0, err
	}
	t.c.say("deploy %s", t.Overlay)
	began := time.Now()
	err = t.script(ctx, nil, "deploy/k8s/deploy.sh", dir)
	return time.Since(began), err
}

const localVolume = `apiVersion: v1
kind: PersistentVolume
metadata:
  name: bellwether-%[1]s
spec:
  capacity: {storage: 50Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  claimRef: {namespace: bellwether, name: data-%[1]s-0}
  local: {path: %[2]s}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: kubernetes.io/hostname, operator: In, values: [%[3]s]}
`

// volumes makes a volume in a folder of this machine for each store, for a cluster whose one node this machine is and
// that makes none by itself.
func (t *Test) volumes(ctx context.Context) error {
	if t.Volumes == "" {
		return nil
	}
	node, err := t.c.kubectl(ctx, "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
	if err != nil {
		return err
	}
	for _, name := range []string{"nats", "clickhouse"} {
		dir, err := filepath.Abs(filepath.Join(t.Volumes, name))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if _, err := t.c.feed(ctx, fmt.Appendf(nil, localVolume, name, dir, node), "apply", "-f", "-"); err != nil {
			return err
		}
	}
	return nil
}
