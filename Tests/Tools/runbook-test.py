#!/usr/bin/env python3
"""Acts out entries of docs/RUNBOOK.md on one machine: causes what an alert is about, waits until it fires in a
Prometheus that scrapes the process, applies the remedy, and waits until it ends. The windows and waits of the alerts
are shortened; all else is theirs. As root (for a small disk). Needs prometheus, faketime and openssl; with --kafka,
which has a cluster for the entries of a fleet, kcat and kafka-python (pip); with --other, a program of another
version, for the entry about versions.

    Tests/Tools/runbook-test.py --backhaul PROGRAM [--other PROGRAM] [--kafka host:port,host:port,host:port]
        [--only NAME,NAME]
"""
import argparse
import functools
import http.server
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEALTH, PROMETHEUS = "127.0.0.1:18490", "127.0.0.1:18497"
# A second process of a fleet, what serves the file of an audit, and a port of the API beside that of health.
SECOND, AUDITS, API = "127.0.0.1:18491", "127.0.0.1:18492", "127.0.0.1:18493"


def shortened(rules):
    """Hours become a minute or seconds, in windows, waits and thresholds of age; half an hour to safety becomes 5 s."""
    rules = re.sub(r"for: \w+", "for: 5s", rules)
    rules = re.sub(r"\[(5m|10m|15m|30m|1h|6h|3d)\]", "[1m]", re.sub(r"\[(2h|1h)\]\s+offset\s+\w+", "[2m] offset 1m", rules))
    rules = rules.replace("24 * 3600) < 0", "60) < 0").replace('le=~"1800([.]0)?"', 'le=~"5([.]0)?"')
    rules = re.sub(r"([<>]) (1800|3600)\b", r"\1 20", rules)
    return rules.replace("> 1000\n", "> 10\n").replace("> 100000", "> 100")


class Server(http.server.BaseHTTPRequestHandler):
    """A destination that is slow, or tells callers to wait."""
    protocol_version = "HTTP/1.1"
    delay, answer = 0, 201

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(Server.delay)
        self.send_response(Server.answer)
        if Server.answer == 429:
            self.send_header("Retry-After", "600")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Files(http.server.SimpleHTTPRequestHandler):
    """What node_exporter would serve."""

    def log_message(self, *_):
        pass


class Machine:
    def __init__(self, program, folder):
        self.program, self.folder, self.daemon = program, folder, None
        for name in ("src", "disk"):
            (folder / name).mkdir()
        for number in range(30):
            (folder / f"src/f{number}").write_text(str(number))
        self.server = Machine.serve("127.0.0.1:0", Server).server_port
        self.configure()
        (folder / "alerts.yaml").write_text(shortened((ROOT / "deploy/prometheus/alerts.yaml").read_text()))
        (folder / "prometheus.yaml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [alerts.yaml]\nscrape_configs:\n"
            f"  - {{job_name: backhaul, static_configs: [{{targets: ['{HEALTH}']}}],"
            f" file_sd_configs: [{{files: ['{folder}/more.yaml'], refresh_interval: 1s}}]}}\n"
            f"  - {{job_name: node, metrics_path: /audit.prom, static_configs: [{{targets: ['{AUDITS}']}}]}}\n")
        (folder / "more.yaml").write_text("[]")
        (folder / "audits").mkdir()
        Machine.serve(AUDITS, functools.partial(Files, directory=f"{folder}/audits"))
        self.prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address={PROMETHEUS}", "--log.level=error"])
        self.failures, self.only, self.acted, self.others = [], set(), [], []

    @staticmethod
    def serve(address, handler):
        host, port = address.split(":")
        server = http.server.ThreadingHTTPServer((host, int(port)), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def configure(self, api="authentication: none", more=""):
        (self.folder / "c.yaml").write_text(
            f"destinations:\n  disk: {{type: folder, path: {self.folder}/disk}}\n"
            f"  gone: {{type: folder, path: {self.folder}/gone}}\n  web: {{type: http, url: 'http://127.0.0.1:9/'}}\n"
            f"  server: {{type: http, url: 'http://127.0.0.1:{self.server}/', verify: answer}}\n"
            f"retry: {{tiers: [2s], maxAttempts: 400}}\napi: {{{api}}}\n{more}")

    def start(self, data="data", before=(), listen=HEALTH, path="readyz"):
        self.data = data
        self.daemon = subprocess.Popen(
            [*before, self.program, "standalone", "--data", f"{self.folder}/{data}", "--config",
             f"{self.folder}/c.yaml", "--listen", listen, *([] if listen == HEALTH else ["--admin", HEALTH])],
            start_new_session=True, stderr=open(self.folder / "daemon.log", "a"))
        for _ in range(600):
            try:
                return urllib.request.urlopen(f"http://{HEALTH}/{path}", timeout=2)
            except OSError:
                time.sleep(0.1)
        sys.exit("runbook-test: the daemon is not ready: " + (self.folder / "daemon.log").read_text()[-500:])

    def stop(self):
        # faketime has the program as its child.
        os.killpg(self.daemon.pid, signal.SIGTERM)
        self.daemon.wait(90)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://{HEALTH}/livez", timeout=2)
            except OSError:
                return
            time.sleep(0.1)

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
        if self.only and name not in self.only:
            return
        self.acted += [name, *others]
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


def locked(path):
    """Holds the lock of a database, as a process does that was stopped in the midst of a write."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def act_more(machine):
    """Entries of one machine that need a server, a lock, a clock or a certificate."""
    folder, run = machine.folder, machine.run
    machine.configure(more="limits: {uploads: 1}\n")
    machine.start("more")

    def slow():
        Server.delay = 6
        run("submit", f"{folder}/src", "--to", "server", "--batch", "slow")

    def fast():
        print(run("status", "--batch", "slow"))
        Server.delay = 0
    machine.act(
        "BackhaulTasksWait", slow, fast, ["BackhaulSafetyBurnsFast", "BackhaulSafetyBurns", "BackhaulSafetyBurnsSlowly"])

    def told():
        Server.answer = 429
        (folder / "src/told").write_text("x")
        run("submit", f"{folder}/src/told", "--to", "server", "--batch", "told")

    def untold():
        print(run("status", "--batch", "told"))
        Server.answer = 201
        print(run("retry", "--now", "--batch", "told", "--yes"))
    machine.act("BackhaulToldToWait", told, untold)

    held = []
    machine.act(
        "BackhaulNotReady", lambda: held.append(locked(folder / "more/log.sqlite")), lambda: held.pop().rollback())

    def behind():
        held.append(locked(folder / "more/view.sqlite"))
        (folder / "many").mkdir()
        for number in range(300):
            (folder / f"many/{number}").write_text(str(number))
        run("submit", f"{folder}/many", "--to", "disk", "--batch", "many")
    machine.act("BackhaulViewBehind", behind, lambda: held.pop().rollback())

    def jumped():
        machine.stop()
        machine.start("more", before=["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", "+40d"])

    def corrected():
        print(run("clock"))
        machine.stop()
        machine.start("more")
    machine.act("BackhaulClockJumped", jumped, corrected)

    def limit(spare):
        pid = machine.daemon.pid
        subprocess.run(
            ["prlimit", f"--pid={pid}", f"--nofile={len(os.listdir(f'/proc/{pid}/fd')) + spare}:"], check=True)
    machine.act("BackhaulDescriptorsLow", lambda: limit(5), lambda: limit(1_000))

    def certificate(days):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/key.pem", "-out",
             f"{folder}/cert.pem", "-days", str(days), "-subj", "/CN=127.0.0.1"], check=True, capture_output=True)

    def expiring():
        certificate(5)
        machine.stop()
        machine.configure(
            api=f"authentication: none, tls: {{certificateFile: {folder}/cert.pem, keyFile: {folder}/key.pem}}")
        machine.start("more", listen=API)
    machine.act("BackhaulCertificateExpires", expiring, lambda: certificate(300))

    machine.stop()
    machine.configure()
    machine.start("more")
    audit = ["audit", "--metrics", f"{folder}/audits/audit.prom"]
    run("submit", f"{folder}/src", "--to", "disk", "--batch", "audited", "--wait")
    machine.act(
        "BackhaulAuditFails", lambda: print(run(*audit, "--batch", "nothing")), lambda: print(run(*audit, "--accept-unfinished")))

    def lost():
        next(path for path in (folder / "disk").iterdir() if path.is_file()).unlink()
        print(run(*audit, "--verify", "--accept-unfinished"))

    def sent_again():
        run(*audit, "--verify", "--repair")
        time.sleep(3)
        print(run(*audit, "--verify", "--accept-unfinished"))
    machine.act("BackhaulAuditFoundLoss", lost, sent_again)
    machine.stop()

    (folder / "filling").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", f"{folder}/filling"], check=True)
    try:
        machine.start("filling/data")

        def filling():
            for number in range(11):
                (folder / f"filling/{number}").write_bytes(bytes(5_000_000))
                time.sleep(3)

        def emptied():
            for path in (folder / "filling").glob("[0-9]*"):
                path.unlink()
        machine.act("BackhaulDiskFills", filling, emptied)
        machine.stop()
    finally:
        subprocess.run(["umount", "-l", f"{folder}/filling"], check=False)


def act_versions(machine, other):
    """A process of another version runs beside the daemon, until it is upgraded."""
    def run(program):
        process = subprocess.Popen(
            [program, "standalone", "--data", f"{machine.folder}/other", "--config", f"{machine.folder}/c.yaml",
             "--listen", SECOND], stderr=open(machine.folder / "other.log", "a"))
        machine.others = [process]

    def half():
        machine.start("versions")
        (machine.folder / "more.yaml").write_text(json.dumps([{"targets": [SECOND]}]))
        run(other)

    def end():
        for process in machine.others:
            process.terminate()
            process.wait(90)

    def upgraded():
        end()
        run(machine.program)
    machine.act("BackhaulVersionsDiffer", half, upgraded)
    if machine.others:
        end()
        machine.stop()


class FleetMachine:
    """Roles of a fleet on a cluster, each scraped."""

    def __init__(self, machine, kafka):
        self.machine, self.folder, self.kafka, self.roles = machine, machine.folder, kafka, {}
        self.configure()
        (self.folder / "more.yaml").write_text(json.dumps([{"targets": [SECOND, AUDITS.replace("18492", "18494")]}]))
        self.run("topics", "apply", "--yes")

    def configure(self, more=""):
        self.prefix = f"runbook-{uuid.uuid4().hex[:6]}."
        (self.folder / "fleet.yaml").write_text(
            f"topics: {{prefix: {self.prefix}, partitions: 4}}\nsources: {{roots: {{src: {self.folder}/src}}}}\n"
            f"destinations: {{disk: {{type: folder, path: {self.folder}/disk}}, gone: {{type: folder, path: {self.folder}/nowhere}}}}\n"
            f"retry: {{tiers: [2s], maxAttempts: 1}}\napi: {{authentication: none, fileRoots: [src]}}\n{more}")

    def run(self, *arguments):
        done = subprocess.run(
            [self.machine.program, *arguments, "--log", f"kafka://{self.kafka}/", "--config",
             f"{self.folder}/fleet.yaml"],
            env={**os.environ, "XDG_CACHE_HOME": f"{self.folder}/cache"}, capture_output=True, text=True)
        return done.stdout + done.stderr

    def start(self, role, address, *arguments, kafka=None, ready=True):
        self.roles[role] = subprocess.Popen(
            [self.machine.program, role, "--admin", address, *arguments, "--log", f"kafka://{kafka or self.kafka}/",
             "--config", f"{self.folder}/fleet.yaml"], stderr=open(self.folder / f"{role}.log", "a"))
        for _ in range(600 if ready else 0):
            try:
                return urllib.request.urlopen(f"http://{address}/readyz", timeout=2)
            except OSError:
                time.sleep(0.1)

    def stop(self, role):
        process = self.roles.pop(role)
        process.terminate()
        process.wait(90)

    def up(self):
        self.start("acknowledger", HEALTH, "--data", f"{self.folder}/view/{self.prefix}view", "--listen", API)
        self.start("worker", SECOND)

    def down(self):
        for role in list(self.roles):
            self.stop(role)

    def produce(self, topic, text):
        subprocess.run(
            ["kcat", "-b", self.kafka, "-P", "-t", self.prefix + topic, "-k", "nobody"], input=text, text=True, check=True)

    def post(self, address, task):
        request = urllib.request.Request(
            f"http://{address}/v1/tasks", data=json.dumps(task).encode(), headers={"Content-Type": "application/json"})
        try:
            return urllib.request.urlopen(request, timeout=10).read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()


def act_fleet(machine, kafka):
    fleet = FleetMachine(machine, kafka)
    (fleet.folder / "view").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", f"{fleet.folder}/view"], check=True)
    try:
        machine.act(
            "BackhaulBrokersAway", lambda: fleet.start("worker", HEALTH, kafka="127.0.0.1:1", ready=False),
            lambda: (fleet.stop("worker"), fleet.start("worker", HEALTH)))
        fleet.down()
        fleet.up()
        nothing = (lambda: None)

        def full():
            try:
                (fleet.folder / "view/ballast").write_bytes(bytes(64_000_000))
            except OSError:
                pass
            (fleet.folder / "src/view").mkdir()
            for number in range(300):
                (fleet.folder / f"src/view/{number}").write_text(str(number))
            print(fleet.run("submit", f"{fleet.folder}/src/view", "--to", "disk", "--batch", "view", "--api", "none"))

        def freed():
            print(urllib.request.urlopen(f"http://{HEALTH}/livez").read())
            (fleet.folder / "view/ballast").unlink()
        machine.act("BackhaulViewUnusable", full, freed)
        machine.act("BackhaulMalformedRecords", lambda: fleet.produce("tasks", "garbage"), nothing)

        # The worker loses its partitions each time: longer than its session.
        def paused():
            for _ in range(4):
                fleet.roles["worker"].send_signal(signal.SIGSTOP)
                time.sleep(10)
                fleet.roles["worker"].send_signal(signal.SIGCONT)
                time.sleep(6)
        machine.act("BackhaulPartitionsLost", paused, nothing)

        third = AUDITS.replace("18492", "18494")
        task = {"taskId": "twice", "source": {"root": "src", "path": "f1"}, "destination": "disk", "key": "default/a"}
        ingest = ["--listen", "127.0.0.1:18495"]

        def lookups():
            fleet.start("ingest", third, *ingest, "--api", "http://127.0.0.1:9")
            for _ in range(30):
                print(fleet.post("127.0.0.1:18495", {**task, "taskId": "x"})[:200])
                time.sleep(1)

        def found():
            fleet.stop("ingest")
            fleet.start("ingest", third, *ingest)
        machine.act("BackhaulLookupsFail", lookups, found)

        def conflict():
            if "ingest" not in fleet.roles:
                found()
            for key in ("default/a", "default/b"):
                print(fleet.post("127.0.0.1:18495", {**task, "key": key})[:200])
        machine.act("BackhaulConflicts", conflict, nothing)

        def repeated():
            run = fleet.run("submit", f"{fleet.folder}/src", "--to", "disk", "--batch", "again", "--wait")
            print(run)
            # Another program writes the same records again.
            for _ in range(3):
                subprocess.run(
                    f"kcat -b {kafka} -C -t {fleet.prefix}tasks -e -q -f '%s' -c 1 > /dev/null", shell=True, check=False)
                again(fleet)
                time.sleep(10)
        machine.act("BackhaulRepeatedUploads", repeated, nothing)
        fleet.down()

        (fleet.folder / "keys").write_text("a " + "QUFB" * 12 + "\n")
        (fleet.folder / "keys").chmod(0o600)
        fleet.configure(f"records: {{signing: {{keyFile: {fleet.folder}/keys}}}}\n")
        fleet.run("topics", "apply", "--yes")
        fleet.up()
        machine.act("BackhaulUnsignedRecords", lambda: fleet.produce("tasks", "garbage"), nothing)
        fleet.down()

        fleet.configure()
        fleet.run("topics", "apply", "--yes")
        fleet.up()

        def refused():
            limit(fleet, "dead-letters", "100")
            print(fleet.run("submit", f"{fleet.folder}/src/f2", "--to", "gone", "--batch", "refused"))

        def raised():
            print(fleet.run("topics", "plan"))
            print(fleet.run("topics", "apply", "--yes"))
        machine.act("BackhaulRefusedDecisions", refused, raised)
    finally:
        for process in fleet.roles.values():
            process.kill()
        subprocess.run(["umount", "-l", f"{fleet.folder}/view"], check=False)


def again(fleet):
    """Writes every record of tasks once more, byte for byte."""
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    brokers = fleet.kafka.split(",")
    consumer = KafkaConsumer(bootstrap_servers=brokers)
    partitions = [TopicPartition(f"{fleet.prefix}tasks", number) for number in range(4)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends, producer = consumer.end_offsets(partitions), KafkaProducer(bootstrap_servers=brokers)
    while any(consumer.position(one) < ends[one] for one in partitions):
        for records in consumer.poll(1_000).values():
            for record in records:
                producer.send(record.topic, record.value, record.key, list(record.headers), record.partition)
    producer.flush()


def limit(fleet, topic, size):
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
    client = KafkaAdminClient(bootstrap_servers=fleet.kafka.split(","))
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, fleet.prefix + topic, {"max.message.bytes": size})])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--backhaul", required=True)
    parser.add_argument("--kafka")
    parser.add_argument("--other")
    parser.add_argument("--only", default="")
    parser.add_argument("--parts", default="first,more,fleet")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="backhaul-runbook-"))
    machine = Machine(str(Path(options.backhaul).resolve()), folder)
    machine.only = {name for name in options.only.split(",") if name}
    try:
        if "first" in options.parts:
            act_all(machine)
        if "more" in options.parts:
            act_more(machine)
        if options.other:
            act_versions(machine, str(Path(options.other).resolve()))
        if options.kafka and "fleet" in options.parts:
            act_fleet(machine, options.kafka)
    finally:
        if machine.daemon and machine.daemon.poll() is None:
            os.killpg(machine.daemon.pid, signal.SIGKILL)
        machine.prometheus.kill()
    shutil.rmtree(folder)
    if machine.failures:
        sys.exit("runbook-test: " + "; ".join(machine.failures))
    print(f"runbook-test: {len(machine.acted)} alerts have fired and ended: {', '.join(machine.acted)}")


if __name__ == "__main__":
    main()
