// Command schemas writes the JSON schemas that kubeconform checks manifests with: those of Kubernetes itself, from the
// OpenAPI document in its module, and those of the custom resources that deploy/k8s uses, from the definitions in their
// operators' modules. The modules come from the Go module proxy at pinned versions, checked like every other module, so no
// web site has to be trusted or reached.
//
// usage: schemas DIR
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kubernetes is the module of the oldest version of Kubernetes that the manifests are for.
const kubernetes = "k8s.io/kubernetes@v1.34.4"

// operators returns the modules with custom resource definitions, and where in them the ones we use are.
func operators() map[string][]string {
	return map[string][]string{
		"github.com/cert-manager/cert-manager@v1.19.2": {"deploy/charts/cert-manager/templates/crd-cert-manager.io_*.yaml"},
		"github.com/kedacore/keda/v2@v2.18.3":          {"config/crd/bases/keda.sh_scaledobjects.yaml"},
		"github.com/prometheus-operator/prometheus-operator@v0.85.0": {
			"example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
			"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
		},
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemas DIR")
		os.Exit(2)
	}
	n, err := run(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
	fmt.Printf("%d schemas in %s\n", n, os.Args[1])
}

func run(dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	module, err := download(kubernetes)
	if err != nil {
		return 0, err
	}
	all, err := native(filepath.Join(module, "api/openapi-spec/swagger.json"))
	if err != nil {
		return 0, err
	}
	for name, patterns := range operators() {
		module, err := download(name)
		if err != nil {
			return 0, err
		}
		for _, p := range patterns {
			if err := custom(filepath.Join(module, p), all); err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for name, schema := range all {
		data, err := json.Marshal(schema)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), data, 0o644); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// download returns the folder of a module.
func download(module string) (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	var info struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &info); jsonErr == nil && info.Error != "" {
		err = errors.New(info.Error)
	}
	if err != nil {
		return "", fmt.Errorf("download %s: %w", module, err)
	}
	return info.Dir, nil
}

// fileName is how kubeconform names the schema of a kind: by the first part of its group.
func fileName(group, version, kind string) string {
	parts := []string{strings.ToLower(kind)}
	if group != "" {
		first, _, _ := strings.Cut(group, ".")
		parts = append(parts, first)
	}
	return strings.Join(append(parts, version), "-")
}
