#!/usr/bin/env bash
# Deploys an overlay, or brings one that runs to what its folder says now: first the bus and the store, then setup lays
# out both, then the services roll. Safe to repeat.
#
#   deploy/k8s/deploy.sh deploy/k8s/overlays/production
set -euo pipefail
overlay=$(cd "${1:?usage: deploy.sh OVERLAY}" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
namespace=bellwether
timeout=${TIMEOUT:-10m}

rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
kubectl kustomize "$overlay" >"$rendered"

# phase SELECTOR applies what has the labels.
phase() { kubectl apply --server-side --force-conflicts -f "$rendered" -l "$1"; }

kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace"
"$here/secrets.sh" "$namespace"
# What carries no component: the namespace, accounts, configuration, policies, budgets.
phase '!app.kubernetes.io/component'
phase 'app.kubernetes.io/component in (bus, store)'
for set in $(kubectl -n "$namespace" get statefulset -l 'app.kubernetes.io/component in (bus, store)' -o name); do
  kubectl -n "$namespace" rollout status "$set" --timeout="$timeout"
done
# A Job cannot be changed, so the last one goes.
kubectl -n "$namespace" delete job -l app.kubernetes.io/component=setup --ignore-not-found
phase 'app.kubernetes.io/component=setup'
kubectl -n "$namespace" wait job -l app.kubernetes.io/component=setup --for=condition=complete --timeout="$timeout"
phase 'app.kubernetes.io/component notin (bus, store, setup)'
for deployment in $(kubectl -n "$namespace" get deployment -o name); do
  kubectl -n "$namespace" rollout status "$deployment" --timeout="$timeout"
done
