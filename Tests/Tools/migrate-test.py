#!/usr/bin/env python3
"""Moves an embedded log to a real cluster while 'backhaul migrate' is killed again and again, lets a fleet finish the
work, and compares: every result as it was, every task one result, the audit clean.

    Tests/Tools/migrate-test.py --backhaul PROGRAM --kafka host:port,host:port,host:port [--files 5000] [--kills 10]
"""
import argparse
import atexit
import http.server
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import yaml


def fail(text):
    raise SystemExit(f"migrate-test: {text}")


class Destination(http.server.BaseHTTPRequestHandler):
    """Refuses everything for good, or for now."""
    protocol_version = "HTTP/1.1"
    is_open = threading.Event()
    stored = {}

    def do_GET(self):
        found = self.stored.get(self.path)
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(found or b"")

    do_HEAD = do_GET

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/refusing/"):
            code = 422
        elif not self.is_open.is_set():
            code = 503
        else:
            code = 201
            self.stored[self.path] = body
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Trial:
    def __init__(self, program, kafka, folder):
        self.program, self.folder, self.kafka = program, folder, f"kafka://{kafka}/"
        self.embedded = f"embedded://{folder}/data"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Destination)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.server.server_port}"
        for name in ("photos", "stored"):
            (folder / name).mkdir()
        roots = {"photos": f"{folder}/photos"}
        config = {
            "topics": {"prefix": f"migrate-{uuid.uuid4().hex[:8]}.", "partitions": 8},
            "retry": {"tiers": ["1s", "3s"], "maxAttempts": 50},
            "sources": {"roots": roots},
            "destinations": {
                "stored": {"type": "folder", "path": f"{folder}/stored"},
                "refusing": {"type": "http", "url": f"{url}/refusing/"},
                "later": {"type": "http", "url": f"{url}/later/"}},
            "egress": {"allow": ["127.0.0.0/8"]}}
        (folder / "backhaul.yaml").write_text(yaml.safe_dump(config))
        config["topics"]["prefix"] = "backhaul."
        (folder / "embedded.yaml").write_text(yaml.safe_dump(config))
        self.environment = {**os.environ, "XDG_CACHE_HOME": f"{folder}/cache"}

    def run(self, *arguments, code=0, config="backhaul.yaml"):
        done = subprocess.run(
            [self.program, *arguments, "--config", f"{self.folder}/{config}"], env=self.environment,
            capture_output=True, text=True)
        if done.returncode != code:
            fail(f"{' '.join(arguments)}: exit {done.returncode}: {done.stdout[-800:]}{done.stderr[-1500:]}")
        return done.stdout + done.stderr

    def start(self, *arguments, config="backhaul.yaml"):
        log = open(self.folder / f"{arguments[0]}.log", "a")
        process = subprocess.Popen(
            [self.program, *arguments, "--config", f"{self.folder}/{config}"], env=self.environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # However the test ends.
        atexit.register(process.kill)
        return process

    def submit(self, name, count, destination, log, config):
        folder = self.folder / "photos" / name
        folder.mkdir()
        for number in range(count):
            (folder / f"{name}-{number:05}.jpg").write_bytes(f"{name} {number}\n".encode() * 20)
        self.run("submit", str(folder), "--to", destination, "--batch", name, "--log", log, config=config)

    def results(self, log, config="backhaul.yaml"):
        lines = self.run("results", "--log", log, "--output", "json", config=config).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait(self, what, is_true, seconds=60):
        end = time.monotonic() + seconds
        while not is_true():
            if time.monotonic() > end:
                logs = "".join(p.read_text()[-700:] for p in self.folder.glob("*.log"))
                fail(f"{what} did not come: {logs}")
            time.sleep(0.5)

    def refuses(self):
        """What workers would fail is said before anything happens, and the folder stays in use."""
        config = yaml.safe_load((self.folder / "backhaul.yaml").read_text())
        config["sources"]["roots"] = {"other": "/"}
        del config["destinations"]["later"]
        (self.folder / "poor.yaml").write_text(yaml.safe_dump(config))
        said = self.run("migrate", "--from", self.embedded, "--log", self.kafka, "--yes", code=2, config="poor.yaml")
        if "sources.roots lacks 'photos'" not in said or "destination 'later' is not configured" not in said:
            fail(f"a configuration that lacks what tasks need: {said}")

    def abandons(self):
        """Killed before its first transaction, a move can be taken back."""
        done = subprocess.run(
            [self.program, "migrate", "--from", self.embedded, "--log", self.kafka, "--yes", "--config",
             f"{self.folder}/backhaul.yaml"],
            env={**self.environment, "BACKHAUL_TEST_FAIL_POINT": "begun:kill:1"}, capture_output=True)
        if done.returncode != -signal.SIGKILL:
            fail(f"a move that is killed at its beginning: {done}")
        said = self.run("status", "--log", self.embedded, config="embedded.yaml")
        if "is moving to the Kafka cluster" not in said:
            fail(f"status of a log that moves: {said}")
        said = self.run("migrate", "--from", self.embedded, "--log", self.kafka, "--abandon", "--output", "json")
        if '"abandoned"' not in said:
            fail(f"--abandon: {said}")

    def moved(self):
        """Runs 'migrate --yes' until one run ends by itself; returns how many were killed, and what the last said."""
        random.seed(7)
        killed = 0
        while True:
            environment = {**self.environment}
            delay = None
            if killed < self.kills:
                # In turn: at a named point of a transaction, and at any time.
                if killed % 2:
                    point = random.choice(["begun", "appended", "moved", "committed"])
                    count = random.randint(1, 4) if point != "appended" else random.randint(1, 4000)
                    environment["BACKHAUL_TEST_FAIL_POINT"] = f"{point}:kill:{count}"
                else:
                    delay = random.uniform(0.05, 1.5)
            process = subprocess.Popen(
                [self.program, "migrate", "--from", self.embedded, "--log", self.kafka, "--yes", "--config",
                 f"{self.folder}/backhaul.yaml"],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if delay:
                try:
                    process.wait(delay)
                except subprocess.TimeoutExpired:
                    process.kill()
            said, _ = process.communicate()
            if process.returncode == 0:
                return killed, said
            if process.returncode != -signal.SIGKILL:
                fail(f"migrate: exit {process.returncode}: {said}")
            killed += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--backhaul", required=True)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backhaul-migrate-") as name:
        trial = Trial(options.backhaul, options.kafka, Path(name))
        trial.kills = options.kills
        files, some = options.files, max(options.files // 20, 10)
        daemon = trial.start("standalone", "--data", f"{name}/data", config="embedded.yaml")
        trial.wait("the log", lambda: Path(f"{name}/data/log.sqlite").exists())
        trial.submit("done", files, "stored", trial.embedded, "embedded.yaml")
        trial.submit("refused", some, "refusing", trial.embedded, "embedded.yaml")
        trial.submit("retried", some, "later", trial.embedded, "embedded.yaml")
        trial.wait(
            "the results of one machine",
            lambda: len(trial.results(trial.embedded, "embedded.yaml")) == files + some)
        time.sleep(5)
        trial.run("topics", "apply", "--yes", "--log", trial.kafka)
        said = trial.run("migrate", "--from", trial.embedded, "--log", trial.kafka, "--yes", code=1)
        if "is in use by" not in said:
            fail(f"migrate beside the daemon: {said}")
        daemon.terminate()
        daemon.wait(60)
        trial.refuses()
        trial.abandons()
        trial.submit("waiting", files, "stored", trial.embedded, "embedded.yaml")
        before = {(r["taskId"], r["generation"]): r for r in trial.results(trial.embedded, "embedded.yaml")}
        print(trial.run("migrate", "--from", trial.embedded, "--log", trial.kafka), end="")
        # The fleet works while the log is copied.
        fleet = [
            trial.start("acknowledger", "--data", f"{name}/acknowledger", "--listen", "127.0.0.1:0",
                        "--admin", "127.0.0.1:0", "--log", trial.kafka),
            trial.start("worker", "--admin", "127.0.0.1:0", "--log", trial.kafka)]
        start = time.monotonic()
        killed, said = trial.moved()
        if killed < options.kills:
            fail(f"killed {killed} times only: give more files")
        print(f"{said.strip()} (killed {killed} times, {time.monotonic() - start:.1f} s)")
        Destination.is_open.set()
        total = 2 * files + 2 * some
        trial.wait("the results of the fleet", lambda: len(trial.results(trial.kafka)) >= total)
        time.sleep(3)
        after = trial.results(trial.kafka)
        by_task = {(r["taskId"], r["generation"]): r for r in after}
        if len(after) != total or len(by_task) != total:
            fail(f"{len(after)} results of {len(by_task)} tasks, not {total}")
        changed = [key for key, result in before.items() if by_task.get(key) != result]
        if changed:
            fail(f"{len(changed)} results differ, such as {before[changed[0]]} and {by_task.get(changed[0])}")
        retried = [r for r in after if r["batch"] == "retried"]
        if not all(r["status"] == "succeeded" and r["attempts"] > 1 for r in retried):
            fail(f"a retried task lost its attempts: {retried[:2]}")
        if len(Destination.stored) != some:
            fail(f"{len(Destination.stored)} objects were stored late, not {some}")
        stored = sum(1 for _ in Path(f"{name}/stored").rglob("*.jpg"))
        if stored != 2 * files:
            fail(f"{stored} files are stored, not {2 * files}")
        print(trial.run("audit", "--verify", "--log", trial.kafka).strip())
        # There is nothing more to move, and the folder is closed.
        said = trial.run("migrate", "--from", trial.embedded, "--log", trial.kafka, "--yes")
        if "nothing to do" not in said:
            fail(f"a second migrate: {said}")
        said = trial.run("submit", f"{name}/photos/done", "--to", "refusing", "--log", trial.embedded, code=1,
                         config="embedded.yaml")
        if "takes no records any more" not in said:
            fail(f"a submission to the moved log: {said}")
        said = trial.run("standalone", "--data", f"{name}/data", code=1, config="embedded.yaml")
        if "moved to the Kafka cluster" not in said:
            fail(f"a daemon on the moved log: {said}")
        for process in fleet:
            process.terminate()
        for process in fleet:
            if process.wait(60) != 0:
                fail(f"a role of the fleet ended with {process.returncode}")
        print(f"migrate-test: right ({len(before)} results moved, {total - len(before)} tasks finished by the fleet)")


if __name__ == "__main__":
    sys.exit(main())
