#!/usr/bin/env bash
# Makes backhaul_VERSION_ARCH.deb from a built program (make deb).
# Usage: deploy/package.sh PROGRAM FOLDER
# The same program and the same commit give the same package, byte for byte.
set -euo pipefail
umask 022
program=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")/.."
for tool in dpkg-deb dpkg-shlibdeps strip fakeroot; do
  command -v "$tool" >/dev/null || { echo "package: $tool is missing; Tests/Tools/setup/debian.sh deb installs it" >&2; exit 1; }
done

# Whom users of this package write to.
maintainer=${MAINTAINER:-Backhaul developers <backhaul@example.org>}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
upstream=$("$program" --version)
commit=$(git rev-parse --short=8 HEAD)
version="$upstream~$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y%m%d%H%M%S)+$commit"
# What was not committed is not that commit.
[ -z "$(git status --porcelain)" ] || version="$version.dirty"
arch=$(dpkg --print-architecture)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
root=$tree/root
chmod 755 "$tree"

install -D -m 755 "$program" "$root/usr/bin/backhaul"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/backhaul"
deploy/same-bytes.py "$root/usr/bin/backhaul"
for unit in deploy/systemd/*; do install -D -m 644 "$unit" "$root/lib/systemd/system/$(basename "$unit")"; done
install -D -m 644 deploy/debian/backhaul.tmpfiles "$root/usr/lib/tmpfiles.d/backhaul.conf"
install -D -m 644 deploy/debian/backhaul.yaml "$root/etc/backhaul/backhaul.yaml"
install -D -m 640 deploy/debian/tokens.yaml "$root/etc/backhaul/tokens.yaml"
mkdir -p "$root/usr/share/man/man1"
for page in docs/man/*; do
  name=$(basename "$page" .1)
  # Names without blanks, as whatis wants them; an empty line is a paragraph.
  sed -e "/^\.Sh NAME/,/^\.Nd/s/^\.Nm .*/.Nm ${name//./-}/" -e "/^\.Sh SYNOPSIS/,/^\.Sh DESC/s/^\.Nm\$/.Nm \"${name//./ }\"/" \
    -e 's/^$/.Pp/' "$page" |
    gzip -9nc > "$root/usr/share/man/man1/${name//./-}.1.gz"
done
mkdir -p "$root/usr/share/bash-completion/completions"
sed '1{/^#!/d}' deploy/completions/backhaul.bash > "$root/usr/share/bash-completion/completions/backhaul"
chmod 644 "$root/usr/share/man/man1/"* "$root/usr/share/bash-completion/completions/backhaul"
install -D -m 644 deploy/completions/_backhaul "$root/usr/share/zsh/vendor-completions/_backhaul"
install -D -m 644 deploy/completions/backhaul.fish "$root/usr/share/fish/vendor_completions.d/backhaul.fish"
doc=$root/usr/share/doc/backhaul
install -D -m 644 deploy/debian/copyright "$doc/copyright"
for page in README.md docs/CONFIGURATION.md docs/FIRST-HOUR.md docs/METRICS.md docs/RUNBOOK.md; do
  install -D -m 644 "$page" "$doc/$(basename "$page")"
  gzip -9n "$doc/$(basename "$page")"
done
gzip -9nc CHANGELOG.md > "$doc/changelog.gz"
printf 'backhaul (%s) unstable; urgency=medium\n\n  * Made from commit %s; see changelog.gz.\n\n -- %s  %s\n' \
  "$version" "$commit" "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9nc > "$doc/changelog.Debian.gz"
install -D -m 644 deploy/debian/lintian-overrides "$root/usr/share/lintian/overrides/backhaul"

# The libraries that the program is linked with, at the versions that have its symbols.
mkdir -p "$tree/debian"
printf 'Source: backhaul\n\nPackage: backhaul\nArchitecture: any\n' > "$tree/debian/control"
depends=$(cd "$tree" && dpkg-shlibdeps -O --ignore-missing-info root/usr/bin/backhaul 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { echo "package: the libraries of $program are not known to dpkg" >&2; exit 1; }

mkdir -p "$root/DEBIAN"
size=$(du -k -s --apparent-size "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$size/" -e "s/@DEPENDS@/$depends/" \
  -e "s/@MAINTAINER@/$maintainer/" \
  deploy/debian/control.in > "$root/DEBIAN/control"
printf '/etc/backhaul/backhaul.yaml\n/etc/backhaul/tokens.yaml\n' > "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "deploy/debian/$script" "$root/DEBIAN/$script"; done
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums)
chmod 644 "$root/DEBIAN/md5sums" "$root/DEBIAN/control" "$root/DEBIAN/conffiles"
find "$root" -type d -exec chmod 755 {} +
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

file=$out/backhaul_${version}_$arch.deb
fakeroot dpkg-deb --uniform-compression -Zxz --root-owner-group --build "$root" "$file" >/dev/null
echo "$file"
