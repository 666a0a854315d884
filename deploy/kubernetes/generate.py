#!/usr/bin/env python3
"""Writes what in deploy/kubernetes comes from elsewhere: the topics and rights of a program, the alerts.

    deploy/kubernetes/generate.py [--backhaul PROGRAM]      topics.yaml only with a program
    deploy/kubernetes/generate.py --check                    the alerts only; exit 1 when rules.yaml is out of date
"""
import argparse
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
RULES = HERE / "overlays/production/rules.yaml"
NOTE = "# Written by deploy/kubernetes/generate.py.\n"


def rules():
    groups = yaml.safe_load((HERE.parent / "prometheus/alerts.yaml").read_text())["groups"]
    resource = {
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "backhaul"},
        "spec": {"groups": groups}}
    return NOTE + yaml.safe_dump(resource, sort_keys=False, width=120, allow_unicode=True)


parser = argparse.ArgumentParser()
parser.add_argument("--backhaul")
parser.add_argument("--check", action="store_true")
options = parser.parse_args()
if options.check:
    if not RULES.exists() or RULES.read_text() != rules():
        sys.exit(f"{RULES.name} is not what alerts.yaml says; run deploy/kubernetes/generate.py")
    sys.exit(0)
RULES.write_text(rules())
if options.backhaul:
    # Of this configuration only: not of the machine's.
    done = subprocess.run(
        [options.backhaul, "topics", "manifest", "--config", str(HERE / "base/fleet/backhaul.yaml")], capture_output=True,
        text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    (HERE / "base/kafka/topics.yaml").write_text(NOTE + done.stdout)
