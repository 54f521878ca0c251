#!/usr/bin/env bash
# Makes two base images from files of this machine (Debian or alike) and pushes them to REGISTRY, for where no public
# registry can be reached: base-static with certificates and the user 65532, base-glibc with the C library too. Prints the
# variables for build.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
registry=${REGISTRY:-localhost:5055/bellwether}
PATH=$PWD/bin:$PATH
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir -p "$dir/static/etc/ssl/certs" "$dir/static/tmp" "$dir/glibc/lib64" "$dir/glibc/lib/x86_64-linux-gnu"
cp /etc/ssl/certs/ca-certificates.crt "$dir/static/etc/ssl/certs/"
echo 'nonroot:x:65532:65532::/:/sbin/nologin' >"$dir/static/etc/passwd"
chmod 1777 "$dir/static/tmp"
cp -L /lib64/ld-linux-x86-64.so.2 "$dir/glibc/lib64/"
for lib in libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2; do
  cp -L "/lib/x86_64-linux-gnu/$lib" "$dir/glibc/lib/x86_64-linux-gnu/"
done

# layer DIR makes a tar of it that is the same for the same files.
layer() { tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$1" -cf "$1.tar" .; }
layer "$dir/static"
layer "$dir/glibc"
crane append --platform linux/amd64 --new_layer "$dir/static.tar" --new_tag "$registry/base-static:local" >/dev/null
crane mutate --set-platform linux/amd64 --user 65532 --tag "$registry/base-static:local" "$registry/base-static:local" >/dev/null
crane append --platform linux/amd64 --base "$registry/base-static:local" --new_layer "$dir/glibc.tar" --new_tag "$registry/base-glibc:local" >/dev/null
crane mutate --set-platform linux/amd64 --user 65532 --tag "$registry/base-glibc:local" "$registry/base-glibc:local" >/dev/null
echo "export BASE_STATIC=$registry/base-static:local BASE_GLIBC=$registry/base-glibc:local"
