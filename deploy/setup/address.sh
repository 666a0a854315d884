#!/usr/bin/env bash
# Prints the flag that builds the tests with the address sanitizer, which ends the test that reads or writes memory that
# is not its own. A toolchain without the sanitizer's runtime prints nothing, and says so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'print(1)' > "$work/main.swift"
if swiftc -sanitize=address "$work/main.swift" -o "$work/main" 2>/dev/null && "$work/main" >/dev/null 2>&1; then
  echo --sanitize=address
else
  echo "setup: this Swift has no address sanitizer; the tests run without it" >&2
fi
