#!/usr/bin/env bash
# The whole main job, before your eyes: a folder goes through a daemon that is killed in the middle to a server that
# fails in every usual way; what is given up is replayed; and every stored byte is held against its source.
# Usage: make demo [FOLDER=/path/to/files]     Exits 0 only if everything is proven.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${FOLDER:-}

deploy/setup/debian.sh build demo
echo "demo: building (the first time takes some minutes)" >&2
swift build -c release --product backhaul
swift build -c release --product backhaul-receiver
bin=$(swift build -c release --show-bin-path)
backhaul=$bin/backhaul

work=$(mktemp -d "${TMPDIR:-/tmp}/backhaul-demo.XXXXXX")
daemon= receiver=
cleanup() {
  [ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true
  [ -z "$receiver" ] || kill -9 "$receiver" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/data" "$work/stored"
log=embedded://$work/data

if [ -z "$folder" ]; then
  folder=$work/source
  mkdir -p "$folder/album one" "$folder/tiny" "$folder/deep/er/and/deeper"
  : > "$folder/empty.jpg"
  for i in $(seq 1 400); do printf 'photo %s %s' "$i" "$RANDOM$RANDOM" > "$folder/tiny/$i.txt"; done
  for i in $(seq 1 60); do head -c $((i * 5000)) /dev/urandom > "$folder/album one/IMG_$i.jpg"; done
  for i in 1 2 3; do head -c 10485760 /dev/urandom > "$folder/deep/er/and/deeper/video $i.mov"; done
  for name in 'question?mark' 'hash#tag' 'per%41cent' 'plus+plus' 'ünïcödé 日本 🎉' "quote'\"quote" 'a&b=c;d' '-dash' '~tilde'; do
    printf '%s' "$name" > "$folder/$name"
  done
fi
folder=$(cd "$folder" && pwd)

cat > "$work/demo.yaml" <<'YAML'
# Seconds instead of minutes, so that a demo shows the retries.
retry:
  tiers: [500ms, 1s, 2s]
  maxAttempts: 8
limits:
  stallTimeout: 2s
  connectTimeout: 2s
logging:
  level: warning
YAML

"$bin/backhaul-receiver" "$work/stored" > "$work/port" 2> "$work/receiver.log" &
receiver=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
port=$(cat "$work/port")

start_daemon() {
  : > "$work/daemon.log.new"
  "$backhaul" standalone --data "$work/data" --listen 127.0.0.1:0 --workers 2 --config "$work/demo.yaml" \
    2> "$work/daemon.log.new" &
  daemon=$!
  for _ in $(seq 300); do
    grep -q '"event":"ready"' "$work/daemon.log.new" && break
    kill -0 "$daemon" 2>/dev/null || { cat "$work/daemon.log.new" >&2; echo "demo: the daemon did not start" >&2; exit 1; }
    sleep 0.1
  done
}
field() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
status() { "$backhaul" status --batch demo --log "$log" --output json; }
say() { echo "demo: $*" >&2; }

say "receiver on port $port fails with 500, 429 + Retry-After, resets, stalls, lost replies and some 403"
start_daemon
say "daemon $daemon works on $work/data"
begin=$(date +%s%N)
submitted=$("$backhaul" submit "$folder" --to "http://127.0.0.1:$port/backup/" --tenant demo --batch demo \
  --log "$log" --config "$work/demo.yaml" --output json)
accepted=$(field accepted <<< "$submitted")
bytes=$(field bytes <<< "$submitted")
say "submitted $accepted files, $bytes bytes"
[ "$accepted" -gt 0 ] || { say "nothing was accepted: $submitted"; exit 1; }

killed=
while true; do
  now=$(status)
  succeeded=$(field succeeded <<< "$now") failed=$(field failed <<< "$now")
  retrying=$(field retrying <<< "$now")
  say "$succeeded succeeded, $retrying retrying, $failed given up, of $accepted"
  [ $((succeeded + failed)) -lt "$accepted" ] || break
  if [ -z "$killed" ] && [ $((succeeded + failed)) -ge $((accepted / 4)) ]; then
    kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
    killed=$daemon
    say "killed the daemon with SIGKILL in the middle; starting it again"
    start_daemon
  fi
  sleep 0.3
done
if [ -z "$killed" ]; then
  # Everything was through before the first look: kill it all the same, and let the next one take over.
  kill -9 "$daemon"; wait "$daemon" 2>/dev/null || true
  killed=$daemon
  start_daemon
fi
first_end=$(date +%s%N)
dead=$(field failed <<< "$now")

kill -USR1 "$receiver"
say "receiver healed; replaying the dead letters"
"$backhaul" replay --batch demo --yes --log "$log" --output json --config "$work/demo.yaml" >&2
while true; do
  now=$(status)
  succeeded=$(field succeeded <<< "$now")
  say "$succeeded of $accepted succeeded"
  [ "$succeeded" -lt "$accepted" ] || break
  [ $(( $(date +%s%N) - first_end )) -lt 120000000000 ] || { say "not done within two minutes: $now"; break; }
  sleep 0.3
done

"$backhaul" results --batch demo --log "$log" --output json > "$work/results"
once=$(grep '"generation":0' "$work/results" | grep '"status":"succeeded"' | grep -c '"attempts":1,' || true)
retried=$(grep '"generation":0' "$work/results" | grep '"status":"succeeded"' | grep -vc '"attempts":1,' || true)
replayed=$(grep -v '"generation":0' "$work/results" | grep -c '"status":"succeeded"' || true)

say "comparing every stored file with its source"
(cd "$folder" && find . -type f ! -path '*/.*' -print0 | sort -z | xargs -0 sha256sum) > "$work/sums.source"
(cd "$work/stored/backup" && find . -type f -print0 | sort -z | xargs -0 sha256sum) > "$work/sums.stored"
(cd "$folder" && find . -type f -print0 | sort -z | xargs -0 sha256sum) > "$work/sums.all"
stored=$(wc -l < "$work/sums.stored")
different=$(comm -13 <(sort "$work/sums.all") <(sort "$work/sums.stored") | wc -l)

verdict=0
audit=$("$backhaul" audit --verify --log "$log" --output json --config "$work/demo.yaml") || verdict=$?

kill -TERM "$daemon"
drained=0; wait "$daemon" || drained=$?
daemon=
kill -TERM "$receiver"; wait "$receiver" 2>/dev/null || true
receiver=

elapsed=$(( (first_end - begin) / 1000000 ))
rate=$(awk "BEGIN { printf \"%.1f\", $bytes / 1000000 / ($elapsed / 1000) }")
ok=yes
check() { [ "$2" = "$3" ] || { ok=no; say "NOT PROVEN: $1 ($2, expected $3)"; }; }
check "every accepted task succeeded in the end" "$succeeded" "$accepted"
check "one result per task and generation" "$(wc -l < "$work/results")" "$((accepted + dead))"
check "every file is stored" "$stored" "$accepted"
check "no stored file differs from its source" "$different" 0
check "the audit is clean" "$verdict" 0
check "the daemon drained on SIGTERM" "$drained" 0
check "dead letters were replayed" "$replayed" "$dead"

echo
printf '%-34s %s\n' \
  "accepted" "$accepted" \
  "succeeded at the first try" "$once" \
  "succeeded after retries" "$retried" \
  "dead-lettered" "$dead" \
  "replayed and succeeded" "$replayed" \
  "bytes" "$bytes" \
  "MB/s (retries and the kill included)" "$rate" \
  "SHA-256 equal to the source" "$((stored - different)) of $accepted" \
  "daemon killed with SIGKILL" "${killed:+once}" \
  "faults met by the receiver" "$(cat "$work/receiver.log")" \
  "audit" "$audit" \
  "proven" "$ok"
[ "$ok" = yes ]
