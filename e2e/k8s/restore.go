package k8s

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// restore copies the folders of both stores while they are down, empties them, puts the copies back, and compares what
// is there with what was: docs/operations.md tells users to do the same. Only where the volumes are folders of this
// machine.
func (t *Test) restore(ctx context.Context) error {
	if t.Volumes == "" {
		return nil
	}
	before, err := t.contents(ctx)
	if err != nil {
		return err
	}
	sets := []string{"nats", "clickhouse"}
	for _, name := range sets {
		if err := t.c.scale(ctx, "statefulset/"+name, 0); err != nil {
			return err
		}
	}
	for _, name := range sets {
		if err := t.copyBack(ctx, filepath.Join(t.Volumes, name)); err != nil {
			return err
		}
	}
	for _, name := range sets {
		if err := t.c.scale(ctx, "statefulset/"+name, 1); err != nil {
			return err
		}
	}
	var after string
	err = t.c.until(ctx, "the restored stores to answer", t.Patience, func(ctx context.Context) (bool, error) {
		after, err = t.contents(ctx)
		return err == nil, err
	})
	if err == nil && after != before {
		err = fmt.Errorf("restored: %s, backed up: %s", after, before)
	}
	t.c.say("restored from a cold copy: %s", after)
	return err
}

// copyBack backs a folder up, empties it and restores it.
func (t *Test) copyBack(ctx context.Context, dir string) error {
	backup, err := os.MkdirTemp("", "bellwether-backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(backup) //nolint:errcheck // a leftover in the temporary folder
	if err := t.script(ctx, nil, "cp", "-a", dir+"/.", backup); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if err == nil {
			err = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	if err != nil {
		return err
	}
	return t.script(ctx, nil, "cp", "-a", backup+"/.", dir)
}

// contents describes what the record and the bus hold, as one line.
func (t *Test) contents(ctx context.Context) (string, error) {
	var b strings.Builder
	for _, view := range []string{"v_observations", "v_revisions", "v_forecasts", "v_scores", "v_models"} {
		n, err := t.c.number(ctx, "SELECT count() FROM "+view)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s %d, ", view, n)
	}
	// A refresh that asks for nothing new finds so only if the cursors are there.
	out, err := t.c.bellwether(ctx, "refresh", "--as-of="+t.traffic.now.Format("2006-01-02T15:04:05Z07:00"))
	return b.String() + out, err
}
