#!/usr/bin/env bash
# Installs, upgrades, removes and purges a package in a debootstrap chroot of Debian 12, with work in progress.
# Usage: Tests/Tools/deb-test.sh PACKAGE [CHROOT]   (as root; CHROOT is made when it is missing, and kept)
set -euo pipefail
package=$(realpath "$1")
chroot=${2:-/var/tmp/backhaul-chroot}
[ "$(id -u)" -eq 0 ] || { echo "deb-test: needs root, for debootstrap and chroot" >&2; exit 1; }
for tool in debootstrap dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "deb-test: $tool is missing; Tests/Tools/setup/debian.sh deb installs it" >&2; exit 1; }
done
[ -d "$chroot/usr" ] || debootstrap --variant=minbase bookworm "$chroot" >&2
mountpoint -q "$chroot/proc" || mount -t proc proc "$chroot/proc"
daemon=
shell=
cleanup() {
  [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true
  umount "$chroot/proc" 2>/dev/null || true
}
trap cleanup EXIT
inside() { chroot "$chroot" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
fail() { echo "deb-test: $*" >&2; exit 1; }
as_service() { inside setpriv --reuid=backhaul --regid=backhaul --clear-groups "$@"; }
start() {
  # What the unit runs, as its user.
  local command
  command=$(sed -n 's/^ExecStart=//p' "$chroot/lib/systemd/system/backhaul.service")
  : > "$chroot/tmp/daemon.log"
  # shellcheck disable=SC2086
  as_service $command 2> "$chroot/tmp/daemon.log" &
  shell=$!
  for _ in $(seq 300); do
    daemon=$(sed -n 's/.*"event":"ready".*"pid":"\([0-9]*\)".*/\1/p' "$chroot/tmp/daemon.log")
    [ -z "$daemon" ] || return 0
    kill -0 "$shell" 2>/dev/null || break
    sleep 0.1
  done
  fail "the service did not start: $(tail -3 "$chroot/tmp/daemon.log")"
}
stop() {
  kill -TERM "$daemon"
  wait "$shell" || fail "the service did not stop in order: $(tail -3 "$chroot/tmp/daemon.log")"
  daemon=
}

# An older version: the same program.
old=$(mktemp -d)
dpkg-deb -R "$package" "$old/tree"
sed -i 's/^Version: .*/Version: 0.0.9/' "$old/tree/DEBIAN/control"
dpkg-deb -b "$old/tree" "$chroot/tmp/backhaul-old.deb" >/dev/null
rm -rf "$old"
cp "$package" "$chroot/tmp/backhaul.deb"
inside apt-get purge -y -qq backhaul >/dev/null 2>&1 || true
inside apt-get update -qq
inside sh -c 'find / -xdev \( -path /proc -o -path /tmp -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log -o -path /usr/share -o -path /usr/lib -o -path /run \) -prune -o -print | sort' > /tmp/deb-before

inside apt-get install -y -qq --no-install-recommends /tmp/backhaul-old.deb >/dev/null || fail "the package cannot be installed"
echo "installed: $(inside backhaul --version), user $(inside id backhaul)"
[ "$(inside stat -c '%U %a' /var/lib/backhaul)" = "backhaul 700" ] || fail "the data folder is not the service's"
inside backhaul config check --config /etc/backhaul/backhaul.yaml

# The main job, with a secret, a folder destination and one that is away.
mkdir -p "$chroot/srv/photos" "$chroot/srv/kept"
for number in $(seq 200); do head -c 20000 /dev/urandom > "$chroot/srv/photos/photo $number.jpg"; done
inside chown backhaul /srv/kept
cat >> "$chroot/etc/backhaul/backhaul.yaml" <<'YAML'
retry: { tiers: [1s], maxAttempts: 500 }
YAML
sed -i 's#^  nowhere:.*#  nowhere: { type: drop }\n  kept: { type: folder, path: /srv/kept }\n  later: { type: folder, path: /srv/later }#' \
  "$chroot/etc/backhaul/backhaul.yaml"
start
inside backhaul submit /srv/photos --to kept --wait --timeout 120s || fail "the main job"
inside backhaul audit --verify || fail "the audit"
inside backhaul health --address 127.0.0.1:8480
# Upgraded with work in progress: a destination that is not there yet.
inside backhaul submit /srv/photos --to later --batch later
sleep 2
inside apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold /tmp/backhaul.deb >/dev/null || fail "the upgrade"
[ "$(inside dpkg-query -W -f '${Version}' backhaul)" = "$(dpkg-deb -f "$package" Version)" ] || fail "the upgrade left the old version"
grep -q 'kept:' "$chroot/etc/backhaul/backhaul.yaml" || fail "the upgrade has lost the configuration"
stop
start
mkdir -p "$chroot/srv/later"
inside chown backhaul /srv/later
for _ in $(seq 120); do
  succeeded=$(inside backhaul status --batch later --output json | sed 's/.*"succeeded":\([0-9]*\).*/\1/')
  [ "$succeeded" != 200 ] || break
  sleep 1
done
[ "$succeeded" = 200 ] || fail "after the upgrade $succeeded of 200 are stored"
inside backhaul audit --verify || fail "the audit after the upgrade"
diff -r -x .backhaul-tmp "$chroot/srv/photos" "$chroot/srv/later" || fail "stored files differ"
stop
echo "upgraded: 200 of 200 files of before are stored and verified"

inside apt-get remove -y -qq backhaul >/dev/null
[ -s "$chroot/var/lib/backhaul/log.sqlite" ] || fail "removal has deleted the data"
[ -s "$chroot/etc/backhaul/backhaul.yaml" ] || fail "removal has deleted the configuration"
inside apt-get purge -y -qq backhaul >/dev/null
rm -rf "$chroot/srv/photos" "$chroot/srv/kept" "$chroot/srv/later"
inside sh -c 'find / -xdev \( -path /proc -o -path /tmp -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log -o -path /usr/share -o -path /usr/lib -o -path /run \) -prune -o -print | sort' > /tmp/deb-after
# Libraries that came with it stay until autoremove; the user stays by policy.
left=$(comm -13 /tmp/deb-before /tmp/deb-after | grep -vE '^/etc/(ld.so|passwd|group|shadow|gshadow|ssl|ldap|adduser|deluser|alternatives|subuid|subgid|default|krb5|gss|ca-cert|libnl)|^/usr/sbin/(adduser|addgroup|deluser|delgroup)|^/usr/bin/|^/usr/s?bin|^/bin|^/sbin' || true)
[ -z "$left" ] || fail "purging has left: $left"
echo "purged: nothing is left"
