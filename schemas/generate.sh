#!/usr/bin/env bash
# Writes the Swift code of schemas/backhaul into Sources/BackhaulRecords/Generated.
# With --check it writes nothing and fails when what is committed differs from what the schemas say.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v protoc >/dev/null || { echo "schemas: protoc is missing; run Tests/Tools/setup/debian.sh" >&2; exit 1; }
# SWIFT_FLAGS: where the tests are built with flags of their own, the generator shares their libraries.
read -ra flags <<< "${SWIFT_FLAGS:-}"
swift build --quiet "${flags[@]}" --product protoc-gen-swift
plugin="$(swift build "${flags[@]}" --show-bin-path)/protoc-gen-swift"
target=Sources/BackhaulRecords/Generated
out=$target
if [ "${1:-}" = --check ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
protoc --plugin=protoc-gen-swift="$plugin" --proto_path=schemas \
  --swift_out="$out" --swift_opt=Visibility=Internal --swift_opt=UseAccessLevelOnImports=true \
  --swift_opt=FileNaming=DropPath schemas/backhaul/v1/*.proto
if [ "${1:-}" = --check ]; then
  diff -r "$out" "$target" >/dev/null || {
    echo "schemas: $target is not what schemas/backhaul says; run schemas/generate.sh and commit it" >&2; exit 1; }
  echo "schemas: generated code is current"
fi
