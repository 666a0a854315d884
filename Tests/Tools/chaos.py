#!/usr/bin/env python3
"""Kills a fleet at random while it works, and proves that nothing was lost or duplicated.

Three workers and two acknowledgers move small files to a server. Every few seconds one process gets SIGKILL, SIGTERM,
or SIGSTOP for longer than its session and then SIGCONT. A broker is killed and restarted if
BACKHAUL_TEST_BROKER_COMMAND names a command for it (called as: COMMAND NUMBER kill|start). At the end the audit must
be clean, an independent read_committed consumer (kcat) must see exactly one result for each task, and every object
must be intact.

Usage: BACKHAUL_TEST_KAFKA=host:port[,host:port] make chaos [SEED=1] [RUNS=1] [FILES=20000]
"""
import argparse, collections, hashlib, http.server, json, os, random, shutil, signal, socketserver, subprocess, sys
import tempfile, threading, time


def say(text):
    print(f"chaos: {text}", flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps every object's content and how often it was sent; answers each after a delay."""

    protocol_version = "HTTP/1.1"
    objects, sent, lock, delay = {}, collections.Counter(), threading.Lock(), 0.02

    def do_PUT(self):
        left, digest = int(self.headers.get("Content-Length", 0)), hashlib.sha256()
        body = b""
        while left:
            data = self.rfile.read(min(left, 65536))
            if not data:
                return  # The sender died during the upload: store nothing.
            digest.update(data)
            body += data
            left -= len(data)
        time.sleep(self.delay)
        with self.lock:
            self.objects[self.path] = body
            self.sent[self.path] += 1
        self.answer(201, b"")

    def do_GET(self):
        with self.lock:
            body = self.objects.get(self.path)
        self.answer(404 if body is None else 200, body or b"")

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass  # A killed worker breaks its connections.


class Role:
    """One process of the fleet; restarted after each signal that ends it."""

    def __init__(self, fleet, kind, number):
        self.fleet, self.name = fleet, f"{kind}-{number}"
        self.command = [fleet.backhaul, kind, "--log", fleet.log, "--config", fleet.config, "--listen", "127.0.0.1:0"]
        if kind == "acknowledger":
            self.command += ["--data", f"{fleet.work}/{self.name}"]
        self.path = f"{fleet.work}/{self.name}.log"
        self.busy = False
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=open(self.path, "ab"), stdout=subprocess.DEVNULL)

    def ready(self):
        with open(self.path, "rb") as log:
            return b'"event":"ready"' in log.read()

    def strike(self, how, pause):
        """Sends the signal, waits for its effect and restarts the process. Runs on its own thread."""
        try:
            if how == "SIGSTOP":
                self.process.send_signal(signal.SIGSTOP)
                time.sleep(pause)
                self.process.send_signal(signal.SIGCONT)
                return
            self.process.send_signal(getattr(signal, how))
            code = self.process.wait(60)
            if how == "SIGTERM" and code != 0:
                self.fleet.complaints.append(f"{self.name} ended with {code} after SIGTERM")
            self.start()
        except Exception as error:
            self.fleet.complaints.append(f"{self.name}: {error}")
        finally:
            self.busy = False


class Fleet:
    def __init__(self, arguments, seed):
        self.arguments, self.seed, self.random = arguments, seed, random.Random(seed)
        self.work = tempfile.mkdtemp(prefix="backhaul-chaos.", dir=os.environ.get("TMPDIR", "/tmp"))
        self.backhaul, self.brokers = arguments.backhaul, arguments.brokers
        self.log, self.config = f"kafka://{self.brokers}/", f"{self.work}/chaos.yaml"
        self.complaints, self.strikes, self.roles = [], collections.Counter(), []
        self.prefix = f"chaos.{seed}.{int(time.time())}."
        self.broker_busy = False

    def run(self, *command, check=True, **options):
        result = subprocess.run([self.backhaul, *command, "--log", self.log, "--config", self.config],
                                capture_output=True, text=True, timeout=900, **options)
        if check and result.returncode != 0:
            raise SystemExit(f"chaos: backhaul {' '.join(command)} ended with {result.returncode}:\n{result.stderr}")
        return result

    def prepare(self):
        Receiver.objects, Receiver.sent = {}, collections.Counter()
        self.server = Server(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        count = len(self.brokers.split(","))
        with open(self.config, "w") as file:
            json.dump({
                "topics": {"prefix": self.prefix, "partitions": 8, "replication": min(3, count)},
                "sources": {"roots": {"src": f"{self.work}/src"}}, "egress": {"allow": ["127.0.0.0/8"]},
                "retry": {"tiers": ["1s", "5s"], "maxAttempts": 10}, "limits": {"uploads": 8},
                "shutdown": {"grace": "3s"}, "logging": {"level": "notice"},
                "destinations": {"web": {"type": "http", "url": f"http://127.0.0.1:{self.server.server_port}/"}},
            }, file)
        for number in range(self.arguments.files):
            folder = f"{self.work}/src/{number % 100}"
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/{number}.bin", "wb") as file:
                file.write(self.random.randbytes(self.random.randint(0, 4096)))
        self.run("topics", "apply", "--yes")
        self.roles = [Role(self, "worker", n) for n in range(3)] + [Role(self, "acknowledger", n) for n in range(2)]
        deadline = time.time() + 60
        while not all(role.ready() for role in self.roles):
            if time.time() > deadline:
                raise SystemExit("chaos: the fleet was not ready within a minute; see " + self.work)
            time.sleep(0.1)

    def strike(self):
        choice = self.random.random()
        pause = self.random.uniform(12, 14)
        free = [role for role in self.roles if not role.busy]
        if choice < 0.12 and self.arguments.broker_command and not self.broker_busy:
            number = self.random.randint(1, len(self.brokers.split(",")))
            self.strikes["broker killed"] += 1
            self.broker_busy = True
            threading.Thread(target=self.strike_broker, args=(number, self.random.uniform(3, 8)), daemon=True).start()
        elif free:
            role = self.random.choice(free)
            how = self.random.choice(["SIGKILL", "SIGKILL", "SIGSTOP", "SIGTERM"])
            role.busy = True
            self.strikes[how] += 1
            threading.Thread(target=role.strike, args=(how, pause), daemon=True).start()

    def strike_broker(self, number, pause):
        try:
            subprocess.run([*self.arguments.broker_command.split(), str(number), "kill"], check=True,
                           stdout=subprocess.DEVNULL)
            time.sleep(pause)
            subprocess.run([*self.arguments.broker_command.split(), str(number), "start"], check=True,
                           stdout=subprocess.DEVNULL)
        except Exception as error:
            self.complaints.append(f"broker {number}: {error}")
        finally:
            self.broker_busy = False

    def results(self):
        """The keys of the results topic, as kcat sees them with read_committed; None when it fails."""
        done = subprocess.run(
            ["kcat", "-C", "-b", self.brokers, "-t", f"{self.prefix}results", "-o", "beginning", "-e", "-q",
             "-X", "isolation.level=read_committed", "-f", "%k\\n"], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            return None
        return done.stdout.split()

    def submit(self):
        """Submits until the log has accepted every file: a submission during which a broker dies fails, and is repeated."""
        while time.time() < self.deadline:
            if self.run("submit", f"{self.work}/src", "--to", "web", "--batch", "c", check=False).returncode == 0:
                return
            self.strikes["submission failed"] += 1
            time.sleep(1)
        self.complaints.append("no submission was accepted whole")

    def chaos(self):
        start = time.time()
        self.deadline = start + self.arguments.limit
        files = self.arguments.files
        submit = threading.Thread(target=self.submit)
        submit.start()
        next_strike, next_look, count = start + 3, start + 5, 0
        # Strikes continue until all results are there, so the last ones hit between the last upload and its result.
        while time.time() - start < self.arguments.limit:
            now = time.time()
            if now >= next_strike:
                self.strike()
                next_strike = now + self.random.uniform(3, 7)
            if now >= next_look:
                keys = self.results()
                count = len(keys) if keys is not None else count
                if count >= files:
                    break
                if self.arguments.keep:
                    say(f"{now - start:.0f} s: {count} results, {dict(self.strikes)}, busy {[r.name for r in self.roles if r.busy]}")
                next_look = now + 3
            time.sleep(0.05)
        submit.join()
        while any(role.busy for role in self.roles) or self.broker_busy:
            time.sleep(0.1)
        return time.time() - start

    def prove(self, took):
        files, deadline = self.arguments.files, time.time() + 180
        while time.time() < deadline:
            audit = self.run("audit", "--verify", "--output", "json", check=False)
            report = json.loads(audit.stdout) if audit.stdout.strip() else {}
            if audit.returncode == 0 and not report.get("unfinished"):
                break
            if audit.returncode == 3:
                break
            time.sleep(2)
        problems = list(self.complaints)
        if audit.returncode != 0:
            problems.append(f"the audit ended with {audit.returncode}: {audit.stdout[:2000]} {audit.stderr[:500]}")
        elif report.get("unfinished"):
            problems.append(f"unfinished after three minutes: {report['unfinished'][:5]}")
        keys = self.results() or []
        doubled = [key for key, times in collections.Counter(keys).items() if times > 1]
        if len(keys) != files or doubled:
            problems.append(f"kcat sees {len(keys)} results of {files}, {len(doubled)} duplicated: {doubled[:3]}")
        wrong = 0
        for number in range(files):
            path = f"/{number % 100}/{number}.bin"
            with open(f"{self.work}/src{path}", "rb") as file:
                if Receiver.objects.get(path) != file.read():
                    wrong += 1
        if wrong:
            problems.append(f"{wrong} objects are missing or differ from their files")
        again = sum(times - 1 for times in Receiver.sent.values())
        strikes = ", ".join(f"{count}x {what}" for what, count in sorted(self.strikes.items()))
        say(f"seed {self.seed}: {files} files in {took:.0f} s; {strikes}; {again} uploads repeated; "
            + ("clean" if not problems else "FAILED"))
        for problem in problems:
            say(f"seed {self.seed}: {problem}")
        return not problems

    def end(self, keep):
        for role in self.roles:
            role.process.kill()
            role.process.wait()
        self.server.shutdown()
        if keep:
            say(f"logs and sources are in {self.work}")
        else:
            shutil.rmtree(self.work)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--files", type=int, default=20000)
    parser.add_argument("--limit", type=int, default=900, help="seconds")
    parser.add_argument("--keep", action="store_true", help="keep logs and sources")
    parser.add_argument("--backhaul", required=True)
    arguments = parser.parse_args()
    arguments.brokers = os.environ.get("BACKHAUL_TEST_KAFKA", "").strip("/")
    arguments.broker_command = os.environ.get("BACKHAUL_TEST_BROKER_COMMAND", "")
    if not arguments.brokers:
        raise SystemExit("chaos: no brokers; set BACKHAUL_TEST_KAFKA=host:port[,host:port...] to a Kafka cluster")
    if shutil.which("kcat") is None:
        raise SystemExit("chaos: kcat is missing; 'Tests/Tools/setup/debian.sh chaos' installs it")
    if not arguments.broker_command:
        say("brokers are not killed: BACKHAUL_TEST_BROKER_COMMAND names no command for it")
    first = arguments.seed if arguments.seed is not None else random.SystemRandom().randint(1, 1 << 30)
    failed = []
    for seed in range(first, first + arguments.runs):
        say(f"seed {seed}: begins")
        fleet, clean = Fleet(arguments, seed), False
        try:
            fleet.prepare()
            clean = fleet.prove(fleet.chaos())
        finally:
            fleet.end(keep=arguments.keep or not clean)
        if not clean:
            failed.append(seed)
    if failed:
        raise SystemExit(f"chaos: failed with seeds {failed}")


if __name__ == "__main__":
    main()
