#!/usr/bin/env bash
# Builds all images and pushes them to REGISTRY, with ko and crane (pinned in tools/ko) and without Docker.
#
#   REGISTRY=registry.example.com/bellwether TAG=v0.1.0 deploy/images/build.sh [NAME...]
#
# NAME is one of the services, bellwether, nats-server, eiasim, engine; by default all.
#
#   BASE_STATIC, BASE_GLIBC  base images; by default distroless; deploy/images/bases.sh makes both from this machine
#   PLATFORMS                linux/amd64,linux/arm64 for images of two architectures; engine and bellwether are amd64 alone
#   SBOM                     spdx to push a list of contents with each image; none by default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
registry=${REGISTRY:-localhost:5055/bellwether}
tag=${TAG:-dev}
export VERSION=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
export GOWORK=off GOFLAGS=-mod=readonly KO_CONFIG_PATH=$PWD
# The same source makes the same image: its time is the commit's.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
PATH=$PWD/bin:$PATH

# image NAME MODULE PACKAGE PLATFORMS [BASE] builds and pushes one.
image() {
  local name=$1 module=$2 package=$3 platforms=$4 base=${5:-}
  (
    cd "$module"
    [[ -z $base ]] || export KO_DEFAULTBASEIMAGE=$base
    KO_DOCKER_REPO=$registry/$name ko build --bare --tags "$tag" --sbom "${SBOM:-none}" --platform "$platforms" \
      --image-label "org.opencontainers.image.title=bellwether-$name" \
      --image-label "org.opencontainers.image.version=$VERSION" \
      --image-label "org.opencontainers.image.licenses=Apache-2.0" \
      "$package"
  )
}

# engine_base pushes BASE_GLIBC with the engine's library in a layer of its own: 566 MB that change with its version only.
engine_base() {
  local library version ref dir
  library=$(go run -C libs ./embed/clickhouse/cmd/engine)
  library=${library%% (*}
  version=$(basename "$(dirname "$library")")
  ref=$registry/engine-base:$version
  if ! crane manifest "$ref" >/dev/null 2>&1; then
    dir=$(mktemp -d)
    mkdir -p "$dir/usr/lib/bellwether"
    ln "$library" "$dir/usr/lib/bellwether/libchdb.so" 2>/dev/null || cp "$library" "$dir/usr/lib/bellwether/libchdb.so"
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=a+rX -C "$dir" -cf "$dir.tar" usr
    crane append --platform linux/amd64 --base "$1" --new_layer "$dir.tar" --new_tag "$ref" >&2
    crane mutate --platform linux/amd64 --env BELLWETHER_LIBCHDB=/usr/lib/bellwether/libchdb.so --tag "$ref" "$ref" >&2
    rm -rf "$dir" "$dir.tar"
  fi
  echo "$ref"
}

platforms=${PLATFORMS:-linux/amd64}
glibc=${BASE_GLIBC:-gcr.io/distroless/base-nossl-debian12:nonroot}
names=("$@")
((${#names[@]})) || names=(ingestor validator trainer forecaster monitor bellwether nats-server eiasim engine)
for name in "${names[@]}"; do
  case $name in
  ingestor | validator | trainer | forecaster | monitor) image "$name" services "./cmd/$name" "$platforms" "${BASE_STATIC:-}" ;;
  bellwether) image bellwether services ./cmd/bellwether linux/amd64 "$glibc" ;;
  engine) image engine services ./cmd/bellwether linux/amd64 "$(engine_base "$glibc")" ;;
  eiasim) image eiasim e2e ./cmd/eiasim "$platforms" "${BASE_STATIC:-}" ;;
  # The server that the tests embed, at the version in libs/go.mod.
  nats-server) image nats-server libs github.com/nats-io/nats-server/v2 "$platforms" "${BASE_STATIC:-}" ;;
  *) echo "build.sh: no image $name" >&2 && exit 2 ;;
  esac
done
