#!/usr/bin/env bash
# Installs the missing Debian packages that Backhaul's build, tests and demo need, and lists them.
# Usage: Tests/Tools/setup/debian.sh PURPOSE ...   (build, test, demo, destinations, chaos, bench, guard, deb; default: build)
set -euo pipefail

build=(librdkafka-dev libcurl4-openssl-dev libsqlite3-dev libzstd-dev pkg-config make git)
test_only=(openssl protobuf-compiler nginx-light libnginx-mod-http-dav-ext python3 python3-jsonschema python3-venv
  prometheus shellcheck systemd yamllint python3-yaml)

wanted=("${build[@]}")
for what in "${@:-build}"; do
  case "$what" in
    build | demo) ;;
    chaos) wanted+=(python3 kcat) ;;
    bench) wanted+=(gcc curl nginx-light libnginx-mod-http-dav-ext libnginx-mod-http-echo time python3 python3-venv) ;;
    destinations) wanted+=(apache2-bin nginx-light libnginx-mod-http-dav-ext openssh-server python3 python3-venv) ;;
    guard) wanted+=(valgrind binutils python3) ;;
    deb) wanted+=(dpkg-dev fakeroot binutils lintian debootstrap) ;;
    test) wanted+=("${test_only[@]}") ;;
    *) echo "setup: '$what' is unknown; use build, test, demo, destinations, chaos, bench, guard or deb" >&2; exit 2 ;;
  esac
done

if ! command -v swift >/dev/null; then
  cat >&2 <<'TEXT'
setup: Swift is not on the PATH. Backhaul needs Swift 6.2 or newer, which Debian 12 does not package.
       Install it from https://www.swift.org/install/linux/ (swiftly, or the Debian 12 archive), then run this again.
TEXT
  exit 1
fi

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "setup: these packages are missing, and only root can install them: ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
echo "setup: installing from Debian: ${missing[*]}" >&2
"${sudo[@]}" apt-get update -qq
# RUNLEVEL=1 keeps nginx from starting as a service: the tests start their own, on another port.
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
# The tests start a server of their own; a machine gets none that others can log in to.
case " ${missing[*]} " in
  *" openssh-server "*) "${sudo[@]}" systemctl disable --quiet ssh.service >&2 || true ;;
esac
