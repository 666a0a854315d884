#!/usr/bin/env python3
"""Acts out entries of docs/RUNBOOK.md on one machine: causes what an alert is about, waits until it fires in a
Prometheus that scrapes the process, applies the remedy, and waits until it ends. The windows and waits of the alerts
are shortened; all else is theirs. As root (for a small disk).

    Tests/Tools/runbook-test.py --backhaul PROGRAM
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEALTH, PROMETHEUS = "127.0.0.1:18490", "127.0.0.1:18497"


def shortened(rules):
    """Hours become a minute or seconds, in windows, waits and thresholds of age."""
    rules = re.sub(r"for: \w+", "for: 5s", rules)
    rules = re.sub(r"\[(10m|15m|30m|1h)\]", "[1m]", re.sub(r"\[2h\] offset\s+\w+", "[2m] offset 1m", rules))
    return re.sub(r"([<>]) (1800|3600)", r"\1 20", rules).replace("> 1000", "> 10")


class Machine:
    def __init__(self, program, folder):
        self.program, self.folder, self.daemon = program, folder, None
        for name in ("src", "disk"):
            (folder / name).mkdir()
        for number in range(30):
            (folder / f"src/f{number}").write_text(str(number))
        self.configure()
        (folder / "alerts.yaml").write_text(shortened((ROOT / "deploy/prometheus/alerts.yaml").read_text()))
        (folder / "prometheus.yaml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [alerts.yaml]\nscrape_configs:\n"
            f"  - {{job_name: backhaul, static_configs: [{{targets: ['{HEALTH}']}}]}}\n")
        self.prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address={PROMETHEUS}", "--log.level=error"])
        self.failures = []

    def configure(self, api="authentication: none", more=""):
        (self.folder / "c.yaml").write_text(
            f"destinations:\n  disk: {{type: folder, path: {self.folder}/disk}}\n"
            f"  gone: {{type: folder, path: {self.folder}/gone}}\n  web: {{type: http, url: 'http://127.0.0.1:9/'}}\n"
            f"retry: {{tiers: [2s], maxAttempts: 400}}\napi: {{{api}}}\n{more}")

    def start(self, data="data"):
        self.data = data
        self.daemon = subprocess.Popen(
            [self.program, "standalone", "--data", f"{self.folder}/{data}", "--config", f"{self.folder}/c.yaml",
             "--listen", HEALTH], stderr=open(self.folder / "daemon.log", "a"))
        for _ in range(600):
            try:
                return urllib.request.urlopen(f"http://{HEALTH}/readyz", timeout=2)
            except OSError:
                time.sleep(0.1)
        sys.exit("runbook-test: the daemon is not ready: " + (self.folder / "daemon.log").read_text()[-500:])

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(90)

    def reload(self):
        self.daemon.send_signal(signal.SIGHUP)

    def run(self, *arguments):
        done = subprocess.run(
            [self.program, *arguments, "--log", f"embedded://{self.folder}/{self.data}", "--config",
             f"{self.folder}/c.yaml"], capture_output=True, text=True)
        return done.stdout + done.stderr

    def token(self, *arguments):
        subprocess.run([self.program, "token", "caller", *arguments], check=True, capture_output=True)

    def firing(self):
        try:
            answer = json.load(urllib.request.urlopen(f"http://{PROMETHEUS}/api/v1/alerts", timeout=3))
        except OSError:
            return set()
        return {one["labels"]["alertname"] for one in answer["data"]["alerts"] if one["state"] == "firing"}

    def wait(self, name, fires):
        start = time.monotonic()
        while time.monotonic() - start < 180:
            if (name in self.firing()) == fires:
                print(f"{name}: {'fires' if fires else 'ended'} after {time.monotonic() - start:.0f} s", flush=True)
                return
            time.sleep(0.5)
        self.failures.append(f"{name} {'does not fire' if fires else 'does not end'}")
        print(f"{name}: {'DOES NOT FIRE' if fires else 'DOES NOT END'}; firing: {self.firing()}", flush=True)

    def act(self, name, cause, remedy, others=()):
        cause()
        for one in (name, *others):
            self.wait(one, True)
        remedy()
        for one in (name, *others):
            self.wait(one, False)


def act_all(machine):
    folder, run = machine.folder, machine.run
    machine.start()
    machine.act("BackhaulDown", machine.stop, machine.start)

    def away():
        run("submit", f"{folder}/src", "--to", "disk", "--wait")
        run("submit", f"{folder}/src", "--to", "gone", "--batch", "gone")

    def back():
        print(run("status"))
        (folder / "gone").mkdir()
        print(run("retry", "--now", "--destination", "gone", "--yes"))
    machine.act("BackhaulDestinationFails", away, back, ["BackhaulRetriesPile"])

    def silent():
        (folder / "gone").rename(folder / "away")
        (folder / "src/f0").write_text("new")
        run("submit", f"{folder}/src", "--to", "gone", "--batch", "silent")
    machine.act("BackhaulDestinationSilent", silent, lambda: (folder / "away").rename(folder / "gone"))

    def unmounted():
        run("submit", f"{folder}/src", "--to", "web", "--batch", "root")
        (folder / "src").rename(folder / "unmounted")

    def mounted():
        print(run("status", "--batch", "root"))
        (folder / "unmounted").rename(folder / "src")
        run("cancel", "--batch", "root", "--yes")
    machine.act("BackhaulRootUnavailable", unmounted, mounted)

    def deleted():
        (folder / "src/g").write_text("x")
        machine.stop()
        run("submit", f"{folder}/src/g", "--to", "disk")
        (folder / "src/g").unlink()
        machine.start()
    # It ends once nothing has failed for the length of its window.
    machine.act("BackhaulDeadLetters", deleted, lambda: print(run("dead-letters", "list")))

    def broken():
        machine.configure(more="retry.nonsense: 1\n")
        machine.reload()

    def repaired():
        machine.configure()
        machine.reload()
    machine.act("BackhaulReloadFailed", broken, repaired)

    tokens = folder / "tokens.yaml"
    machine.token("--scope", "read", "--tenant", "t", "--expires", "2d", "--append", str(tokens))
    machine.stop()
    machine.configure(api=f"tokensFile: {tokens}")
    machine.start()
    machine.act("BackhaulTokenExpires", lambda: None, lambda: machine.token("--expires", "300d", "--rotate", str(tokens)))
    good = tokens.read_text()
    machine.act("BackhaulTokensUnusable", lambda: tokens.write_text(good + "}{"), lambda: tokens.write_text(good))

    machine.stop()
    machine.configure()
    (folder / "small").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", f"{folder}/small"], check=True)
    try:
        machine.start("small/data")
        ballast = folder / "small/ballast"
        machine.act("BackhaulDiskFull", lambda: ballast.write_bytes(bytes(24_300_000)), ballast.unlink)
        machine.stop()
    finally:
        subprocess.run(["umount", "-l", f"{folder}/small"], check=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--backhaul", required=True)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="backhaul-runbook-"))
    machine = Machine(str(Path(options.backhaul).resolve()), folder)
    try:
        act_all(machine)
    finally:
        if machine.daemon:
            machine.daemon.kill()
        machine.prometheus.kill()
    shutil.rmtree(folder)
    if machine.failures:
        sys.exit("runbook-test: " + "; ".join(machine.failures))
    print("runbook-test: ten alerts have fired and ended")


if __name__ == "__main__":
    main()
