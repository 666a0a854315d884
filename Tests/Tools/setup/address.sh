#!/usr/bin/env bash
# Prints the flag that builds the tests with the address sanitizer, which stops a test that accesses invalid memory.
# With a toolchain that has no runtime of the sanitizer it prints no flag, and a message on stderr.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'print(1)' > "$work/main.swift"
if swiftc -sanitize=address "$work/main.swift" -o "$work/main" 2>/dev/null && "$work/main" >/dev/null 2>&1; then
  echo --sanitize=address
else
  echo "setup: this Swift toolchain has no address sanitizer; the tests run without it" >&2
fi
