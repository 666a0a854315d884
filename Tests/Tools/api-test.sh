#!/usr/bin/env bash
# Tests a running `standalone` against schemas/openapi.yaml with property-based tests (schemathesis, from PyPI).
# EXAMPLES: examples per operation (40). PROGRAM: the program to test (.build/debug/backhaul).
set -euo pipefail
cd "$(dirname "$0")/../.."
backhaul=$(realpath "${PROGRAM:-.build/debug/backhaul}")
schema=$(realpath schemas/openapi.yaml)
work=$(mktemp -d "${TMPDIR:-/tmp}/backhaul-api.XXXXXX")
daemon=
cleanup() {
  [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
tools=${BACKHAUL_TEST_TOOLS:-.build/api-tools}
if ! "$tools/bin/schemathesis" --version >/dev/null 2>&1; then
  echo "api-test: installing schemathesis into $tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5 openapi-spec-validator==0.9.0
fi
"$tools/bin/openapi-spec-validator" "$schema" >/dev/null
tools=$(realpath "$tools")
mkdir "$work/files" "$work/objects"
for number in 1 2 3 4 5; do head -c "${number}000" /dev/urandom > "$work/files/f$number"; done
cat > "$work/backhaul.yaml" <<YAML
sources: { roots: { photos: $work/files } }
destinations: { nas: { type: folder, path: $work/objects } }
api: { tokensFile: $work/tokens.yaml, fileRoots: [photos], freeURLs: true }
tenants: { "*": { keys: "*" } }
retry: { tiers: [1s], maxAttempts: 2 }
YAML
token=$("$backhaul" token tester --scope submit --scope read --scope operate --tenant '*' --append "$work/tokens.yaml" \
  2>/dev/null)
"$backhaul" standalone --data "$work/data" --listen 127.0.0.1:0 --config "$work/backhaul.yaml" \
  > /dev/null 2> "$work/log" < /dev/null &
daemon=$!
for _ in $(seq 300); do grep -q '"event":"ready"' "$work/log" && break; sleep 0.1; done
listen=$(sed -n 's/.*"event":"ready".*"listen":"\([^"]*\)".*/\1/p' "$work/log")
[ -n "$listen" ] || { cat "$work/log" >&2; echo "api-test: the daemon did not start" >&2; exit 1; }
for number in 1 2 3 4 5; do
  "$tools/bin/python" - "http://$listen/v1/tasks" "$token" "$number" <<'PYTHON'
import json, sys, urllib.request
url, token, number = sys.argv[1:]
task = {"tenant": "photos", "taskId": "holiday-" + number, "batch": "holiday", "destination": "nas",
        "source": {"root": "photos", "path": "f" + number}}
request = urllib.request.Request(url, json.dumps(task).encode(), {"Authorization": "Bearer " + token})
assert urllib.request.urlopen(request, timeout=10).status == 201
PYTHON
done
cat > "$work/hooks.py" <<'PYTHON'
import schemathesis

@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
PYTHON
cat > "$work/schemathesis.toml" <<'TOML'
# A request that is valid by the schema may, for example, name a file or a task that does not exist.
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "403", "404", "409", "410", "422", "429"]
# 413 (too long) is also a valid rejection.
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "422", "429"]

# Its body is not one JSON document: an error in a line is answered in that line, with 200 for the whole.
[[operations]]
include-name = "POST /v1/tasks:batch"
checks.negative_data_rejection.enabled = false
TOML
cd "$work"
# Excludes the event stream: it has no end, and schemathesis would wait for one.
SCHEMATHESIS_HOOKS=hooks "$tools/bin/schemathesis" --config-file schemathesis.toml run "$schema" --url "http://$listen" \
  -H "Authorization: Bearer $token" --exclude-operation-id followEvents --phases examples,coverage,fuzzing \
  --max-examples "${EXAMPLES:-40}" --request-timeout 15 --seed "${SEED:-1}" > "$work/out" 2>&1 < /dev/null || {
    sed -n '/FAILURES/,$p' "$work/out"; echo "api-test: schemathesis found failures" >&2; exit 1; }
sed -n '/SUMMARY/,$p' "$work/out"
kill -TERM "$daemon"
for _ in $(seq 150); do kill -0 "$daemon" 2>/dev/null || break; sleep 0.1; done
wait "$daemon" || { tail -3 "$work/log" >&2; echo "api-test: the daemon did not stop in order" >&2; exit 1; }
daemon=
"$backhaul" audit --log "embedded://$work/data" --config "$work/backhaul.yaml" | tail -1
