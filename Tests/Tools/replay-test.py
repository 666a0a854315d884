#!/usr/bin/env python3
"""Replays a large set of dead letters of six causes, on an embedded log or on Kafka, and proves what was replayed.

A server refuses each file for one of five causes, and some files are gone. Then, on the letters that are left:
  plan     counts them by cause, within the limits of time and memory that are given;
  canary   a replay whose server is still sick stops after its slice;
  crash    the server is healed; a replay is killed with the process that runs it, and goes on in the next one;
  two      two operators replay everything at once, while the first replay is not done;
  proof    each letter's next generation exists exactly once, and the audit is clean.

Usage: make test-replay [LETTERS=100000] [KAFKA=host:port]
"""
import argparse, collections, http.server, json, os, shutil, signal, socketserver, subprocess, sys
import tempfile, threading, time

CAUSES = {"bad": 400, "large": 413, "type": 415, "law": 422, "long": 414}


def say(text):
    print(f"replay-test: {text}", flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Refuses a file by the cause that its name begins with, until it is healed."""

    protocol_version = "HTTP/1.1"
    healed = False

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        cause = self.path.rsplit("/", 1)[1].split("-")[0]
        self.send_response(201 if self.healed else CAUSES.get(cause, 201))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET = do_PUT

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_):
        pass


class Trial:
    def __init__(self, arguments):
        self.arguments = arguments
        self.work = tempfile.mkdtemp(prefix="backhaul-replay.", dir=os.environ.get("TMPDIR", "/tmp"))
        self.kafka = arguments.kafka
        self.log = f"kafka://{self.kafka}/" if self.kafka else f"embedded://{self.work}/data"
        self.config = f"{self.work}/backhaul.yaml"
        self.server = Server(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.processes = []
        with open(self.config, "w") as file:
            file.write(f"sources: {{ roots: {{ src: {self.work}/src }} }}\n"
                       f"destinations: {{ web: {{ type: http, url: 'http://127.0.0.1:{self.server.server_port}/' }} }}\n"
                       f"topics: {{ prefix: 'replay.{int(time.time())}.', partitions: 4 }}\n"
                       "egress: { allow: [127.0.0.0/8] }\n"
                       "retry: { tiers: [1s], maxAttempts: 1 }\n")

    def command(self, *words):
        return [self.arguments.backhaul, *words, "--log", self.log, "--config", self.config]

    def run(self, *words, codes=(0,), timeout=1200):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=timeout)
        if done.returncode not in codes:
            raise SystemExit(f"replay-test: {' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done

    def json(self, *words, **options):
        done = self.run(*words, "--output", "json", **options)
        if not done.stdout:
            raise SystemExit(f"replay-test: {' '.join(words)} said nothing: {done.stderr[-2000:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self):
        """Starts what works on the log: the daemon, or a worker and two acknowledgers."""
        base = [self.arguments.backhaul]
        common = ["--config", self.config, "--listen", "127.0.0.1:0"]
        roles = [["standalone", "--data", f"{self.work}/data", *common]]
        if self.kafka:
            roles = [["worker", "--log", self.log, *common]]
            roles += [["acknowledger", "--log", self.log, "--data", f"{self.work}/ack{n}", *common] for n in range(2)]
        for number, role in enumerate(roles):
            path = f"{self.work}/role{number}.log"
            self.processes.append((role[0], subprocess.Popen(base + role, stderr=open(path, "wb"),
                                                             stdout=subprocess.DEVNULL)))
            while b'"event":"ready"' not in open(path, "rb").read():
                time.sleep(0.1)

    def stop(self, how=signal.SIGTERM, kind=None):
        for name, process in self.processes:
            if kind is None or name == kind:
                process.send_signal(how)
                process.wait(120)
        self.processes = [entry for entry in self.processes if entry[1].poll() is None]

    def wait(self, count):
        """Waits for so many results."""
        end = time.time() + 1200
        while time.time() < end:
            found = self.json("status")[0]
            if found["accepted"] and found["succeeded"] + found["failed"] >= count:
                return found
            time.sleep(0.5)
        raise SystemExit(f"replay-test: {count} results have not come: {found}")

    def entry(self, id):
        return self.json("replay", "show", id)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backhaul", required=True)
    parser.add_argument("--letters", type=int, default=100_000)
    parser.add_argument("--kafka")
    parser.add_argument("--seconds", type=float, help="the most that the plan may take")
    parser.add_argument("--megabytes", type=float, help="the most memory of the plan, in MiB")
    parser.add_argument("--keep", action="store_true")
    trial = Trial(parser.parse_args())
    try:
        prove(trial)
    finally:
        trial.stop(signal.SIGKILL)
        if not trial.arguments.keep:
            shutil.rmtree(trial.work, ignore_errors=True)


def prove(trial):
    letters = trial.arguments.letters
    causes = [*CAUSES, "gone"]
    os.makedirs(f"{trial.work}/src")
    for number in range(letters):
        with open(f"{trial.work}/src/{causes[number % len(causes)]}-{number}", "w") as file:
            file.write("x")
    if trial.kafka:
        trial.run("topics", "apply", "--yes")
    start = time.time()
    trial.run("submit", f"{trial.work}/src", "--to", "web", "--batch", "all")
    for number in range(causes.index("gone"), letters, len(causes)):
        os.remove(f"{trial.work}/src/gone-{number}")
    trial.start()
    trial.wait(letters)
    say(f"{letters} dead letters after {time.time() - start:.0f} s")

    # The plan.
    start = time.time()
    probe = subprocess.run(["/usr/bin/env", "python3", "-c", PROBE, *trial.command("replay", "--output", "json")],
                           capture_output=True, text=True, timeout=600)
    plan, usage = probe.stdout.splitlines()
    plan, peak = json.loads(plan)["plan"], int(usage) / 1024
    seconds = time.time() - start
    say(f"plan: {plan['letters']} letters, {len(plan['issues'])} issues, {seconds:.1f} s, {peak:.0f} MiB")
    assert plan["selected"] == letters and plan["letters"] == letters, plan
    found = collections.Counter()
    for issue in plan["issues"]:
        found[issue["failure"], issue["httpStatus"]] += issue["letters"]
    expected = collections.Counter()
    for number in range(letters):
        cause = causes[number % len(causes)]
        expected["source-gone" if cause == "gone" else "permanent", CAUSES.get(cause)] += 1
    assert found == expected, (found, expected)
    assert trial.arguments.seconds is None or seconds <= trial.arguments.seconds, f"the plan took {seconds} s"
    assert trial.arguments.megabytes is None or peak <= trial.arguments.megabytes, f"the plan took {peak} MiB"

    # The canary.
    done = trial.json("replay", "--failure", "permanent", "--canary", "50", "--yes", codes=(1,))[0]
    entry = done["replay"]
    assert entry["phase"] == "stopped" and entry["replayed"] == 50 and entry["failed"] == 50, entry
    say(f"canary: {entry['phaseReason']}")

    # A crash in the middle.
    Receiver.healed = True
    due = trial.json("replay", "--failure", "permanent")[0]["selected"]
    trial.run("replay", "--failure", "permanent", "--yes", "--detach", "--rate", str(max(200, letters / 10)))
    id = trial.json("replay", "list", "--open")[-1]["id"]
    while trial.entry(id)["replayed"] < due / 5:
        time.sleep(0.05)
    kind = "acknowledger" if trial.kafka else "standalone"
    trial.stop(signal.SIGKILL, kind)
    sent = trial.entry(id)["replayed"]
    assert 0 < sent < due, (sent, due)
    start = time.time()
    if trial.kafka:
        trial.stop(signal.SIGKILL)
    trial.start()

    # Two operators at once, over the same letters.
    operators = [subprocess.Popen(trial.command("replay", "--failure", "permanent", "--yes", "--output", "json"),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for operator in operators:
        out, error = operator.communicate(timeout=1200)
        assert operator.returncode == 0, error
    final = trial.json("replay", "watch", id)[0]
    say(f"crash: {sent} of {due} sent before, all after {time.time() - start:.1f} s; {final['phase']}")

    # The proof.
    for one in trial.json("replay", "list"):
        if one["phase"] != "stopped":
            trial.run("replay", "watch", one["id"])
    replays = trial.json("replay", "list")
    assert all(one["phase"] in ("done", "stopped") for one in replays), replays
    assert sum(one["replayed"] for one in replays) == due + 50, replays
    ends = collections.Counter()
    process = subprocess.Popen(trial.command("results", "--output", "json"), stdout=subprocess.PIPE, text=True)
    generations = collections.Counter()
    for line in process.stdout:
        one = json.loads(line)
        ends[one["generation"], one["status"]] += 1
        generations[one["tenant"], one["taskId"], one["generation"]] += 1
    process.wait()
    assert max(generations.values()) == 1, "a generation has two results"
    assert sum(generations.values()) == letters + due + 50, ends
    audit = trial.run("audit")
    say(f"proof: {dict(ends)}; {audit.stdout.splitlines()[-1]}")
    assert trial.json("replay", "--failure", "permanent", "--yes")[0]["replayed"] == 0
    say("ok")


PROBE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)
print(done.stdout.strip().splitlines()[-1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

if __name__ == "__main__":
    main()
