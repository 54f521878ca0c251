// Package k8s checks the manifests in deploy/k8s without a cluster (Lint), and Bellwether on a cluster (Test).
package k8s
