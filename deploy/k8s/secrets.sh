#!/usr/bin/env bash
# Makes the Secrets with the passwords of the bus and store users in the namespace of the current cluster, random, once:
# what is there is left alone. To change one, see "Rotate credentials" in docs/operations.md.
set -euo pipefail
namespace=${1:-bellwether}

# password prints one that configuration files take as it is: it begins with a letter, so that none reads it as a number.
password() { printf 'p%s' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"; }

# secret NAME USER... makes one with a password for each user.
secret() {
  local name=$1 args=() user
  shift
  if kubectl -n "$namespace" get secret "$name" >/dev/null 2>&1; then return; fi
  for user in "$@"; do args+=("--from-literal=$user=$(password)"); done
  kubectl -n "$namespace" create secret generic "$name" "${args[@]}"
}

secret bellwether-nats ingestor validator trainer forecaster monitor operator reader
secret bellwether-clickhouse ingestor validator trainer forecaster monitor migrator analyst interserver
