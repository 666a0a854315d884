#!/usr/bin/env python3
"""Runs the fleet of deploy/compose/fleet.yaml as plain processes, with its arguments and its configuration, against a
real cluster: ready in order, then killed or stopped one by one while files are submitted; the audit must be clean.

    Tests/Tools/compose-test.py --backhaul PROGRAM --kafka host:port,host:port,host:port [--files 20000] [--before OLD]

With --before the fleet begins with an older program, is upgraded one process after the other while files are submitted,
goes back, and is upgraded again.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy/compose"


def fail(text):
    raise SystemExit(f"compose-test: {text}")


class Fleet:
    def __init__(self, program, kafka, folder):
        self.program, self.folder, self.running = program, folder, {}
        # What each service runs, where that is not the program.
        self.programs = {}
        self.services = yaml.safe_load((COMPOSE / "fleet.yaml").read_text())["services"]
        config = yaml.safe_load((COMPOSE / "backhaul.yaml").read_text())
        config["topics"]["prefix"] = f"compose-{uuid.uuid4().hex[:8]}."
        config["sources"]["roots"]["photos"] = f"{folder}/photos"
        config["destinations"]["stored"]["path"] = f"{folder}/stored"
        config["api"]["tokensFile"] = f"{folder}/tokens.yaml"
        config["api"]["viewTokenFile"] = f"{folder}/view"
        shutil.copy(COMPOSE / "access/tokens.yaml", folder / "tokens.yaml")
        (folder / "backhaul.yaml").write_text(yaml.safe_dump(config))
        for name in ("photos", "stored"):
            (folder / name).mkdir()
        self.environment = {
            **os.environ, "BACKHAUL_CONFIG": f"{folder}/backhaul.yaml", "BACKHAUL_LOG": f"kafka://{kafka}/",
            "XDG_CACHE_HOME": f"{folder}/cache"}
        # One machine for all: each container's ports become ports of their own.
        self.ports = {name: 18000 + 10 * number for number, name in enumerate(self.services)}

    def arguments(self, name):
        changed = []
        for word in self.services[name]["command"]:
            word = word.replace("0.0.0.0:8480", f"127.0.0.1:{self.ports[name]}")
            word = word.replace("0.0.0.0:8481", f"127.0.0.1:{self.ports[name] + 1}")
            if word == "/data":
                word = f"{self.folder}/{name}"
            if word.startswith("http://"):
                word = f"http://127.0.0.1:{self.ports[word.split('/')[2].split(':')[0]]}"
            changed.append(word)
        return changed

    def run(self, *arguments, code=0, reads_tokens=True, program=None):
        environment = self.environment if reads_tokens else {**os.environ}
        done = subprocess.run([program or self.program, *arguments], env=environment, capture_output=True, text=True)
        if done.returncode != code:
            fail(f"{' '.join(arguments)}: exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-1500:]}")
        return done.stdout

    def is_healthy(self, name):
        if name in self.programs:
            # An older program may have no 'health'.
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name] + 1}/readyz", timeout=5) as answer:
                    return answer.status == 200
            except (urllib.error.URLError, OSError):
                return False
        done = subprocess.run(
            [self.program, "health", "--address", f"127.0.0.1:{self.ports[name] + 1}"], capture_output=True)
        return done.returncode == 0

    def start(self, name):
        log = open(self.folder / f"{name}.log", "a")
        self.running[name] = subprocess.Popen(
            [self.programs.get(name, self.program), *self.arguments(name)], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=log)
        end = time.monotonic() + 120
        while not self.is_healthy(name):
            if time.monotonic() > end or self.running[name].poll() is not None:
                fail(f"{name} is not healthy: {(self.folder / f'{name}.log').read_text()[-1500:]}")
            time.sleep(0.2)

    def stop(self, name, number):
        process = self.running.pop(name)
        process.send_signal(number)
        code = process.wait(90)
        if number == signal.SIGTERM and code != 0:
            fail(f"{name} did not stop in order: {code}: {(self.folder / f'{name}.log').read_text()[-1500:]}")

    def upgrade(self, program):
        """Acknowledgers, workers, ingest nodes, one after the other; None is the program of today."""
        for role in ("acknowledger", "worker", "ingest"):
            for name in sorted(self.running):
                if not name.startswith(role):
                    continue
                self.stop(name, signal.SIGTERM)
                if program:
                    self.programs[name] = program
                else:
                    self.programs.pop(name, None)
                self.start(name)
                yield name

    def roll(self, files):
        """Kills and stops every process once while files are submitted."""
        for number in range(files):
            (self.folder / "photos" / f"photo {number}.jpg").write_bytes(b"%d" % number * 100)
        submit = subprocess.Popen(
            [self.program, "submit", f"{self.folder}/photos", "--to", "stored", "--batch", "roll", "--wait",
             "--timeout", "500s"], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        rolled = during = 0
        for number in (signal.SIGKILL, signal.SIGTERM):
            for name in sorted(self.running):
                during += submit.poll() is None
                self.stop(name, number)
                self.start(name)
                rolled += 1
        print(f"killed and rolled one by one: {rolled}, {during} of them while the submission waited", flush=True)
        out, err = submit.communicate(timeout=600)
        if submit.returncode != 0:
            fail(f"submit: exit {submit.returncode}: {out}{err[-1500:]}")
        print(out.strip(), flush=True)

    def mix(self, files, before):
        """Upgrades every process, takes it back, upgrades it again; before each step one of the two programs submits."""
        steps = 3 * sum(1 for name in self.running)
        step = number = 0
        for program in (None, before, None):
            if program is None:
                self.run("topics", "apply", "--yes")
            upgrade = self.upgrade(program)
            while True:
                part = self.folder / "photos" / f"part {step}"
                part.mkdir()
                end = files if step >= steps - 1 else number + files // steps
                for number in range(number, end):
                    (part / f"photo {number}.jpg").write_bytes(b"%d" % number * 100)
                number = end
                if any(part.iterdir()):
                    self.run("submit", str(part), "--to", "stored", "--prefix", f"{part.name}/", "--batch", "roll",
                             program=before if step % 2 else None)
                step += 1
                name = next(upgrade, None)
                if name is None:
                    break
        print(f"rolled to and fro: {step - 3} processes, with a submission before each", flush=True)
        end = time.monotonic() + 300
        while json.loads(self.run("status", "--batch", "roll", "--output", "json"))["succeeded"] < files:
            if time.monotonic() > end:
                fail(f"not all files are stored: {self.run('status', '--batch', 'roll')}")
            time.sleep(1)

    def up(self):
        """Starts each service once those that it depends on are healthy, as compose does."""
        brokers = {name for name in self.services if name.startswith("kafka")}
        started, order = set(brokers) | {"prometheus"}, []
        while len(started) < len(self.services):
            ready = [
                name for name, service in self.services.items()
                if name not in started and set(service.get("depends_on", {})) <= started]
            if not ready:
                fail("the services depend on each other in a circle")
            for name in ready:
                if name == "topics":
                    self.run(*self.services[name]["command"], program=self.programs.get(name))
                else:
                    self.start(name)
                started.add(name)
                order.append(name)
        return order


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--backhaul", required=True)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--before")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="backhaul-compose-"))
    fleet = Fleet(str(Path(options.backhaul).resolve()), options.kafka, folder)
    before = options.before and str(Path(options.before).resolve())
    try:
        for name, scopes in (("trial", ["submit", "read"]), ("ingest", ["read"])):
            token = fleet.run("token", name, *[word for scope in scopes for word in ("--scope", scope)], "--tenant", "*",
                              "--append", f"{folder}/tokens.yaml", reads_tokens=False, program=before)
            (folder / "view").write_text(token)
        if before:
            fleet.programs = {name: before for name in fleet.services}
        print("ready in order:", ", ".join(fleet.up()), flush=True)
        if before:
            fleet.mix(options.files, before)
        else:
            fleet.roll(options.files)
        print(fleet.run("audit", "--verify"), flush=True)
        stored = sum(1 for path in (folder / "stored").rglob("photo*") if path.is_file())
        if stored != options.files:
            fail(f"{stored} of {options.files} files are stored")
        status = json.loads(fleet.run("status", "--batch", "roll", "--output", "json"))
        if status["succeeded"] != options.files:
            fail(f"status: {status}")
        print(f"proven: {options.files} files, each with one result", flush=True)
    finally:
        for process in fleet.running.values():
            process.kill()
        if sys.exc_info()[0] is None:
            shutil.rmtree(folder)
        else:
            print(f"compose-test: what was left is in {folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
