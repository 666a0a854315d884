#!/usr/bin/env bash
# Makes the image without a registry: the Debian package on a debootstrap base, by buildah in a chroot.
# Usage: deploy/container/offline.sh PACKAGE.deb ARCHIVE.tar   (as root; needs debootstrap and buildah)
# 'podman load -i ARCHIVE.tar' or 'docker load' takes the archive in.
set -euo pipefail
package=$(realpath "$1")
archive=$(realpath -m "$2")
for tool in debootstrap buildah; do
  command -v "$tool" > /dev/null || { echo "offline: $tool is missing: apt-get install $tool" >&2; exit 1; }
done
[ "$(id -u)" -eq 0 ] || { echo "offline: needs root, for debootstrap and chroot" >&2; exit 1; }
work=$(mktemp -d)
container=
cleanup() {
  [ -z "$container" ] || buildah rm "$container" > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT
buildah() { command buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"; }

echo "offline: a base by debootstrap" >&2
debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" > "$work/debootstrap.log" 2>&1 ||
  { tail -20 "$work/debootstrap.log" >&2; exit 1; }
container=$(buildah from scratch)
buildah add --quiet "$container" "$work/root" / > /dev/null
rm -rf "$work/root"
buildah add --quiet "$container" "$package" /tmp/backhaul.deb > /dev/null
echo "offline: installing $(basename "$package")" >&2
# Nothing of Debian is needed afterwards but libraries and certificates: no package lists, pages or shells' history.
buildah run --isolation chroot "$container" -- /bin/sh -c '
  set -e
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends /tmp/backhaul.deb
  rm -rf /tmp/backhaul.deb /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc /usr/share/man /usr/share/locale
  rm -rf /etc/backhaul
  install -d -o 65532 -g 65532 -m 700 /data /srv/stored' > "$work/install.log" 2>&1 ||
  { tail -20 "$work/install.log" >&2; exit 1; }
# As in Containerfile.
buildah config --user 65532:65532 --volume /data --env BACKHAUL_DATA=/data --env BACKHAUL_ADMIN=127.0.0.1:8481 \
  --port 8480 --entrypoint '["/usr/bin/backhaul"]' --cmd standalone --workingdir / \
  --label org.opencontainers.image.title=backhaul \
  --label "org.opencontainers.image.version=$(dpkg-deb -f "$package" Version)" "$container"
rm -f "$archive"
buildah commit --quiet --format oci "$container" "oci-archive:$archive:backhaul:$(dpkg-deb -f "$package" Version | tr '~+' '--')" > /dev/null
echo "offline: $archive ($(du -h "$archive" | cut -f1))" >&2
