// Command k8slint renders the overlays in deploy/k8s and checks them without a cluster.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/k8s"
)

func main() {
	l := k8s.Lint{}
	flag.StringVar(&l.Overlays, "overlays", "deploy/k8s/overlays", "folder of the overlays")
	flag.StringVar(&l.Tools, "tools", "bin", "folder of kustomize, kubeconform and kube-score")
	flag.StringVar(&l.Schemas, "schemas", ".cache/k8s-schemas", "folder of the schemas")
	flag.StringVar(&l.Version, "kubernetes", "v1.34", "version of Kubernetes")
	flag.Parse()
	if err := l.Run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "k8slint:", err)
		os.Exit(1)
	}
}
