#!/usr/bin/env bash
# Runs the whole main job: a folder goes through a daemon, which is killed in the middle, to a server that fails in
# every usual way. Dead letters are replayed, and every stored byte is compared with its source.
# Usage: make demo [FOLDER=/path/to/files] [KAFKA=host:port]     Exits 0 only if everything is proven.
# With KAFKA the same runs on that cluster, with three workers and two acknowledgers; one of each is killed.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${FOLDER:-}
kafka=${KAFKA:-}

Tests/Tools/setup/debian.sh build demo
echo "demo: building (the first time takes a few minutes)" >&2
release="swift build -c release --static-swift-stdlib"
$release --product backhaul
$release --product backhaul-receiver
bin=$($release --show-bin-path)
backhaul=$bin/backhaul

work=$(mktemp -d "${TMPDIR:-/tmp}/backhaul-demo.XXXXXX")
daemons=() receiver="" starts=0
cleanup() {
  for daemon in "${daemons[@]}"; do kill -9 "$daemon" 2>/dev/null || true; done
  [ -z "$receiver" ] || kill -9 "$receiver" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/data" "$work/stored"
log=embedded://$work/data
[ -z "$kafka" ] || log=kafka://$kafka/

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

if [ -n "$kafka" ]; then
  # Topics of this run only; they stay on the cluster.
  cat >> "$work/demo.yaml" <<YAML
topics: {prefix: demo-$(date +%s)-$RANDOM., partitions: 8, replication: 1}
sources: {roots: {demo: "$folder"}}
egress: {allow: [127.0.0.0/8], freeURLs: true}
YAML
fi
options=(--log "$log" --config "$work/demo.yaml")

"$bin/backhaul-receiver" "$work/stored" > "$work/port" 2> "$work/receiver.log" &
receiver=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
port=$(cat "$work/port")

# Starts a role and waits until it is ready: start NAME ARGUMENT...
start() {
  starts=$((starts + 1))
  local told=$work/role.$starts.log
  # The process that is started makes it later than it is looked for.
  : > "$told"
  "$backhaul" "$@" --listen 127.0.0.1:0 --config "$work/demo.yaml" > /dev/null 2> "$told" &
  daemons+=($!)
  for _ in $(seq 600); do
    grep -q '"event":"ready"' "$told" && return
    kill -0 "${daemons[-1]}" 2>/dev/null || { cat "$told" >&2; echo "demo: $1 did not start" >&2; exit 1; }
    sleep 0.1
  done
  echo "demo: $1 is not ready after a minute" >&2
  exit 1
}
start_all() {
  if [ -z "$kafka" ]; then start standalone --data "$work/data" --workers 2; return; fi
  "$backhaul" topics apply --yes "${options[@]}" > /dev/null
  for _ in 1 2 3; do start worker --log "$log"; done
  for _ in 1 2; do start acknowledger --log "$log"; done
}
# Sends SIGKILL to the daemon, or to a worker and an acknowledger, and starts their successors.
kill_some() {
  local victims=("${daemons[0]}")
  [ -z "$kafka" ] || victims+=("${daemons[3]}")
  kill -9 "${victims[@]}"
  for victim in "${victims[@]}"; do wait "$victim" 2>/dev/null || true; done
  killed=${victims[*]}
  if [ -z "$kafka" ]; then
    daemons=()
    start_all
  else
    daemons=("${daemons[1]}" "${daemons[2]}" "${daemons[4]}")
    start worker --log "$log"
    start acknowledger --log "$log"
  fi
}
field() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
status() { "$backhaul" status --batch demo "${options[@]}" --output json; }
say() { echo "demo: $*" >&2; }

say "receiver on port $port fails with 500, 429 + Retry-After, resets, stalls, lost replies and some 422"
start_all
say "${#daemons[@]} process(es) run on $log"
begin=$(date +%s%N)
submitted=$("$backhaul" submit "$folder" --to "http://127.0.0.1:$port/backup/" --tenant demo --batch demo \
  "${options[@]}" --output json) || say "some files were left out, see above"
accepted=$(field accepted <<< "$submitted")
bytes=$(field bytes <<< "$submitted")
say "submitted $accepted files, $bytes bytes"
[ "$accepted" -gt 0 ] || { say "nothing was accepted: $submitted"; exit 1; }

killed=
while true; do
  now=$(status)
  succeeded=$(field succeeded <<< "$now") failed=$(field failed <<< "$now")
  retrying=$(field retrying <<< "$now")
  say "$succeeded succeeded, $retrying retrying, $failed failed, of $accepted"
  [ $((succeeded + failed)) -lt "$accepted" ] || break
  if [ -z "$killed" ] && [ $((succeeded + failed)) -ge $((accepted / 4)) ]; then
    kill_some
    say "killed process $killed with SIGKILL in the middle, and started its successor"
  fi
  sleep 0.3
done
if [ -z "$killed" ]; then
  # All tasks ended before the first status: kill anyway, so that the successor has to take over.
  kill_some
fi
first_end=$(date +%s%N)
dead=$(field failed <<< "$now")

kill -USR1 "$receiver"
say "receiver healed; replaying the dead letters"
"$backhaul" replay --batch demo --yes "${options[@]}" --output json >&2
while true; do
  now=$(status)
  succeeded=$(field succeeded <<< "$now")
  say "$succeeded of $accepted succeeded"
  [ "$succeeded" -lt "$accepted" ] || break
  [ $(( $(date +%s%N) - first_end )) -lt 120000000000 ] || { say "not done within two minutes: $now"; break; }
  sleep 0.3
done

"$backhaul" results --batch demo "${options[@]}" --output json > "$work/results"
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
audit=$("$backhaul" audit --verify "${options[@]}" --output json) || verdict=$?

drained=0
kill -TERM "${daemons[@]}"
for daemon in "${daemons[@]}"; do wait "$daemon" || drained=$?; done
daemons=()
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
check "every process drained on SIGTERM" "$drained" 0
check "dead letters were replayed" "$replayed" "$dead"

echo
printf '%-34s %s\n' \
  "accepted" "$accepted" \
  "succeeded at the first attempt" "$once" \
  "succeeded after retries" "$retried" \
  "dead-lettered" "$dead" \
  "replayed and succeeded" "$replayed" \
  "bytes" "$bytes" \
  "MB/s (retries and the kill included)" "$rate" \
  "SHA-256 equal to the source" "$((stored - different)) of $accepted" \
  "killed with SIGKILL" "process $killed" \
  "faults of the receiver" "$(cat "$work/receiver.log")" \
  "audit" "$audit" \
  "proven" "$ok"
[ "$ok" = yes ]
