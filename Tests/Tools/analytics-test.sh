#!/usr/bin/env bash
# Installs what analytics-test.py needs (DuckDB and the CloudEvents SDK, from PyPI; with --clickhouse also chdb), and runs
# it. PROGRAM: the program to test (.build/debug/backhaul).
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=${BACKHAUL_ANALYTICS_TOOLS:-.build/analytics-tools}
needs=(duckdb==1.4.2 cloudevents==2.2.0)
case " $* " in *" --clickhouse "*) needs+=(chdb==4.4.0) ;; esac
for need in "${needs[@]}"; do
  "$tools/bin/python" -c "import importlib.metadata as m, sys; sys.exit(m.version('${need%%==*}') != '${need##*==}')" \
    2>/dev/null && continue
  echo "analytics-test: installing $need into $tools"
  [ -x "$tools/bin/python" ] || python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "$need"
done
exec "$tools/bin/python" Tests/Tools/analytics-test.py --backhaul "$(realpath "${PROGRAM:-.build/debug/backhaul}")" "$@"
