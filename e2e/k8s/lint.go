package k8s

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Lint says where the manifests and the tools that check them are.
type Lint struct {
	Overlays string // folder of the overlays
	Tools    string // folder of kustomize, kubeconform and kube-score
	Schemas  string // folder of the schemas, see tools/kubeconform/schemas
	Version  string // of Kubernetes, as v1.34
}

// Run renders every overlay and checks it: kubeconform against the schemas, kube-score, and our own rules. It writes
// each problem to out on a line of its own, then how many objects were checked and how many problems found.
func (l Lint) Run(ctx context.Context, out io.Writer) error {
	dirs, err := filepath.Glob(filepath.Join(l.Overlays, "*", "kustomization.yaml"))
	if err != nil || len(dirs) == 0 {
		return fmt.Errorf("no overlay in %s", l.Overlays)
	}
	total, failed := 0, 0
	for _, path := range dirs {
		n, problems, err := l.overlay(ctx, filepath.Dir(path))
		if err != nil {
			return err
		}
		name := filepath.Base(filepath.Dir(path))
		for _, p := range problems {
			fmt.Fprintf(out, "%s: %s\n", name, p)
		}
		fmt.Fprintf(out, "%s: %d objects, %d problems\n", name, n, len(problems))
		total += n
		failed += len(problems)
	}
	fmt.Fprintf(out, "k8s_lint: objects=%d failed=%d\n", total, failed)
	if failed > 0 {
		return fmt.Errorf("%d problems", failed)
	}
	return nil
}

func (l Lint) overlay(ctx context.Context, dir string) (int, []string, error) {
	manifests, err := l.tool(ctx, nil, "kustomize", "build", dir)
	if err != nil {
		return 0, nil, err
	}
	objects, err := decode(manifests)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", dir, err)
	}
	var problems []string
	for _, find := range []func(context.Context, []byte) ([]string, error){l.conform, l.score} {
		found, err := find(ctx, manifests)
		if err != nil {
			return 0, nil, err
		}
		problems = append(problems, found...)
	}
	for _, p := range check(objects) {
		problems = append(problems, p.String())
	}
	return len(objects), problems, nil
}

// conform returns the objects that are not what the schemas say. One without a schema is a problem too.
func (l Lint) conform(ctx context.Context, manifests []byte) ([]string, error) {
	out, err := l.tool(ctx, manifests, "kubeconform", "-strict", "-output=json", "-schema-location", filepath.Join(l.Schemas, "{{.ResourceKind}}{{.KindSuffix}}.json"))
	var result struct {
		Resources []struct{ Kind, Name, Status, Msg string }
	}
	if jsonErr := json.Unmarshal(out, &result); jsonErr != nil {
		return nil, errors.Join(err, fmt.Errorf("kubeconform: %w", jsonErr))
	}
	var problems []string
	for _, r := range result.Resources {
		problems = append(problems, fmt.Sprintf("%s %s: kubeconform: %s", r.Kind, r.Name, r.Msg))
	}
	return problems, nil
}

// critical is the grade of kube-score that fails. Its warnings ask for more replicas, which singletons do not have.
const critical = 1

// score returns what kube-score finds critical. That images are pulled each time is left out: tags are versions, and a
// pod must start while the registry is away.
func (l Lint) score(ctx context.Context, manifests []byte) ([]string, error) {
	out, err := l.tool(ctx, manifests, "kube-score", "score", "-", "--output-format=json", "--kubernetes-version="+l.Version,
		"--ignore-test=container-image-pull-policy")
	var result []struct {
		ObjectName string `json:"object_name"`
		Checks     []struct {
			Check    struct{ ID string }
			Grade    int
			Skipped  bool
			Comments []struct{ Path, Summary string }
		}
	}
	if jsonErr := json.Unmarshal(out, &result); jsonErr != nil {
		return nil, errors.Join(err, fmt.Errorf("kube-score: %w", jsonErr))
	}
	var problems []string
	for _, o := range result {
		for _, c := range o.Checks {
			if c.Skipped || c.Grade > critical {
				continue
			}
			for _, comment := range c.Comments {
				problems = append(problems, fmt.Sprintf("%s: kube-score: %s: %s %s", o.ObjectName, c.Check.ID, comment.Path, comment.Summary))
			}
		}
	}
	return problems, nil
}

// tool runs a tool and returns its output, also when it fails.
func (l Lint) tool(ctx context.Context, in []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(l.Tools, name), args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}
