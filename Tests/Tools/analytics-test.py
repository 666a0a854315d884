#!/usr/bin/env python3
"""Runs uploads whose truth is known, exports the results while the export is killed, and holds every query against them.

Three tenants upload to two servers that refuse, delay and fail by the names of the files, one of them twice; some files
are replayed. `results export` is killed again and again. Then DuckDB and ClickHouse must find each result once in the
files, each query of schemas/sql must give what a plain program computes from the results themselves, and the records
must be CloudEvents by the SDK's word.

Usage: make test-analytics [FILES=600] [KILLS=10] [KAFKA=host:port]
"""
import argparse, collections, datetime, http.server, json, math, os, pathlib, random, shutil, signal, socketserver
import subprocess, sys, tempfile, threading, time

import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[2]


def say(text):
    print(f"analytics-test: {text}", flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers by the first letter of a file's name: g stores it, r fails once before, t tells to wait once, b refuses."""

    protocol_version = "HTTP/1.1"
    seen, objects, lock, healed = collections.Counter(), {}, threading.Lock(), False

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.path.rsplit("/", 1)[1][0]
        with self.lock:
            self.seen[self.path] += 1
            first = self.seen[self.path] == 1
            status = 503 if kind == "r" and first else 422 if kind == "b" and not self.healed else 201
            if kind == "t" and first:
                status = 429
            if status == 201:
                self.objects[self.path] = body
        self.answer(status, b"")

    def do_GET(self):
        with self.lock:
            body = self.objects.get(self.path)
        self.answer(404 if body is None else 200, body or b"")

    do_HEAD = do_GET

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256


class Trial:
    def __init__(self, arguments):
        self.arguments = arguments
        self.work = tempfile.mkdtemp(prefix="backhaul-analytics.", dir=os.environ.get("TMPDIR", "/tmp"))
        self.log = f"kafka://{arguments.kafka}/" if arguments.kafka else f"embedded://{self.work}/data"
        self.config, self.export = f"{self.work}/backhaul.yaml", f"{self.work}/export"
        server = Server(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        self.processes = []
        with open(self.config, "w") as file:
            file.write(f"sources: {{ roots: {{ src: {self.work}/src }} }}\n"
                       f"destinations:\n  web: {{ type: http, url: '{url}/web/' }}\n"
                       f"  nas: {{ type: http, url: '{url}/nas/', overwrite: skip-if-same }}\n"
                       f"  disk: {{ type: folder, path: {self.work}/disk }}\n"
                       f"  lake: {{ type: folder, path: {self.work}/lake }}\n"
                       f"topics: {{ prefix: 'analytics.{int(time.time())}.', partitions: 3 }}\n"
                       "egress: { allow: [127.0.0.0/8] }\nretry: { tiers: [1s], maxAttempts: 3 }\n"
                       "tenants: { anna: { class: gold }, ben: { class: gold } }\n")

    def command(self, *words):
        return [self.arguments.backhaul, *words, "--log", self.log, "--config", self.config]

    def run(self, *words, codes=(0,)):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=600)
        if done.returncode not in codes:
            raise SystemExit(f"analytics-test: {' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done

    def start(self):
        roles = [["standalone", "--data", f"{self.work}/data"]]
        if self.arguments.kafka:
            roles = [["worker", "--log", self.log], ["acknowledger", "--log", self.log, "--data", f"{self.work}/ack"]]
        for number, role in enumerate(roles):
            path = f"{self.work}/role{number}.log"
            words = [self.arguments.backhaul, *role, "--config", self.config, "--listen", "127.0.0.1:0"]
            self.processes.append(subprocess.Popen(words, stderr=open(path, "wb"), stdout=subprocess.DEVNULL))
            while b'"event":"ready"' not in open(path, "rb").read():
                time.sleep(0.1)

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait(120)

    def results(self):
        return [json.loads(line) for line in self.run("results", "--output", "json").stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backhaul", required=True)
    parser.add_argument("--files", type=int, default=600)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--kafka")
    parser.add_argument("--clickhouse", action="store_true", help="also ask ClickHouse (chdb, 900 MB)")
    parser.add_argument("--keep", action="store_true", help="leave the folder, with the export in it")
    trial = Trial(parser.parse_args())
    try:
        upload(trial)
        export(trial)
        ask(trial)
        say(f"ok{', ' + trial.work if trial.arguments.keep else ''}")
    finally:
        for process in trial.processes:
            process.kill()
        if not trial.arguments.keep:
            shutil.rmtree(trial.work, ignore_errors=True)


def upload(trial):
    """A run of which is known what happens to each file."""
    kinds, tenants = "gggrtb", ["anna", "ben", "carl"]
    trial.truth = collections.Counter()
    os.mkdir(f"{trial.work}/disk")
    if trial.arguments.kafka:
        trial.run("topics", "apply", "--yes")
    trial.start()
    for tenant in tenants:
        os.makedirs(f"{trial.work}/src/{tenant}")
    for number in range(trial.arguments.files):
        kind, tenant = kinds[number % len(kinds)], tenants[number % 7 % 3]
        with open(f"{trial.work}/src/{tenant}/{kind}{number}.bin", "wb") as file:
            file.write(bytes([number % 256]) * (100 + number))
        trial.truth[tenant, kind] += 1
        trial.truth["bytes", tenant, kind] += 100 + number
    for tenant in tenants:
        for destination in ("web", "nas"):
            trial.run("submit", f"{trial.work}/src/{tenant}", "--to", destination, "--tenant", tenant, "--prefix",
                      f"{tenant}/", "--wait", codes=(0, 1))
    trial.run("submit", f"{trial.work}/src/carl", "--to", "disk", "--tenant", "carl", "--wait")
    # The same files once more, under other ids: they are there already.
    for path in pathlib.Path(f"{trial.work}/src/anna").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    trial.run("submit", f"{trial.work}/src/anna", "--to", "nas", "--tenant", "anna", "--prefix", "anna/", "--wait",
              codes=(0, 1))
    Receiver.healed = True
    trial.run("replay", "--tenant", "ben", "--yes", "--wait")
    trial.stop()


def export(trial):
    """Exports with processes that are killed at random, then once to the end."""
    words = trial.command("results", "export", "--folder", trial.export, "--rows", "37", "--to", "lake")
    start = time.time()
    trial.run("results", "export", "--folder", f"{trial.work}/probe", "--rows", "37")
    # Anywhere on the way, however fast the machine and the build are.
    whole, dice, killed = time.time() - start, random.Random(7), 0
    os.mkdir(f"{trial.work}/lake")
    while killed < trial.arguments.kills:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(dice.uniform(0, whole))
            shutil.rmtree(trial.export, ignore_errors=True)
            shutil.rmtree(f"{trial.work}/lake", ignore_errors=True)
            os.mkdir(f"{trial.work}/lake")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    first = trial.run("results", "export", "--folder", trial.export, "--rows", "37", "--to", "lake")
    assert json.loads(trial.run("results", "export", "--folder", trial.export, "--output", "json").stdout)["files"] == 0
    found = {str(path.relative_to(trial.export)): path.read_bytes()
             for path in pathlib.Path(trial.export).rglob("*.zst")}
    lake = {str(path.relative_to(f"{trial.work}/lake")): path.read_bytes()
            for path in pathlib.Path(f"{trial.work}/lake").rglob("*.zst")}
    assert found == lake, "the destination has other files than the folder"
    assert not list(pathlib.Path(trial.export).rglob("*.tmp")), "a temporary file is left"
    say(f"export: {len(found)} files after {killed} kills; {first.stdout.strip()}")


def ask(trial):
    results = trial.results()
    for one in results:
        for name in ("acceptedAt", "finishedAt"):
            one[name] = datetime.datetime.fromisoformat(one[name].removesuffix("Z"))
    database = duckdb.connect()
    database.execute(f"SET VARIABLE export = '{trial.export}'")
    database.execute((ROOT / "schemas/sql/results.sql").read_text())

    # Each result once, by two engines.
    names = sorted((one["tenant"], one["taskId"], one["generation"]) for one in results)
    duck = database.execute("SELECT tenant, taskId, generation FROM results ORDER BY ALL").fetchall()
    assert duck == names, f"DuckDB finds {len(duck)} results of {len(names)}"
    if trial.arguments.clickhouse:
        import chdb
        click = chdb.query(f"SELECT count(), uniqExact(tenant, taskId, generation), sum(bytes) "
                           f"FROM file('{trial.export}/day=*/tenant_class=*/*.ndjson.zst', JSONEachRow)", "CSV")
        expected = f"{len(names)},{len(names)},{sum(one['bytes'] for one in results)}"
        assert str(click).strip() == expected, f"ClickHouse finds {click}, not {expected}"
        say(f"ClickHouse: {expected}")
    classes = {"anna": "gold", "ben": "gold", "carl": ""}
    for tenant, name in database.execute("SELECT DISTINCT tenant, tenantClass FROM results").fetchall():
        assert classes[tenant] == name, (tenant, name)

    # What is known beforehand.
    truth, sums = trial.truth, collections.Counter()
    for one in results:
        sums[one["tenant"], one["destination"], one["generation"], one["status"]] += 1
    for tenant in classes:
        bad = truth[tenant, "b"]
        good = sum(truth[tenant, kind] for kind in "grt")
        stored = good * 2 if tenant == "anna" else good
        assert sums[tenant, "web", 0, "succeeded"] == good and sums[tenant, "web", 0, "failed"] == bad, sums
        assert sums[tenant, "nas", 0, "succeeded"] == stored, (tenant, sums)
        replayed = bad if tenant == "ben" else 0
        assert sums[tenant, "web", 1, "succeeded"] == replayed == sums[tenant, "nas", 1, "succeeded"], sums
        assert sums[tenant, "disk", 0, "succeeded"] == (good + bad if tenant == "carl" else 0), sums
    # No upload here can be resumed, and what succeeds at once is sent once, whatever the way.
    for one in results:
        if one["status"] == "succeeded" and one["attempts"] == 1:
            assert one["bytesSent"] == (0 if one["wasStored"] else one["bytes"]), one
            assert one["bytesRepeated"] == 0, one
        assert one["bytesResumed"] in (0, None), one
    again = sum(truth["anna", kind] for kind in "grt")

    # Each query against a plain program.
    answers = {}
    for path in sorted((ROOT / "schemas/sql").glob("[0-9]*.sql")):
        cursor = database.execute(path.read_text())
        answers[path.stem[:2]] = [tuple(plain(value) for value in row) for row in cursor.fetchall()]
    for number, value in truths(results).items():
        assert sorted(answers[number], key=str) == sorted(value, key=str), \
            f"query {number}:\n{sorted(answers[number], key=str)}\nis not\n{sorted(value, key=str)}"
    assert len(answers) == 12
    assert answers["10"] == [("nas", again, sum(truth["bytes", "anna", kind] for kind in "grt"))], answers["10"]
    causes = {(destination, status): count for destination, _, status, count in answers["03"]}
    for destination in ("web", "nas"):
        assert causes[destination, 503] == sum(truth[tenant, "r"] for tenant in classes), causes
        assert causes[destination, 429] == sum(truth[tenant, "t"] for tenant in classes), causes
    say(f"queries: {len(answers)} right over {len(results)} results")
    if trial.arguments.kafka:
        events(trial, len(results))


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None)
    return round(float(value), 6) if isinstance(value, float) or type(value).__name__ == "Decimal" else value


def truths(results):
    """The twelve answers, computed without a database."""
    def group(select, key, value):
        groups = collections.defaultdict(list)
        for one in results:
            if select(one):
                groups[key(one)].append(value(one))
        return groups

    def quantile(values, share):
        values = sorted(values)
        place = (len(values) - 1) * share
        low = math.floor(place)
        return round(float(values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (place - low)), 6)

    def hour(time):
        return time.replace(minute=0, second=0, microsecond=0)

    def milliseconds(since, until):
        return round((until - since).total_seconds() * 1000)

    good = lambda one: one["status"] == "succeeded" and one["verification"] != "none"
    every = lambda one: True
    answers = {}
    answers["01"] = [(*key, len(sizes), sum(sizes)) for key, sizes in group(
        lambda one: good(one) and not one["wasStored"],
        lambda one: (hour(one["finishedAt"]), one["tenant"]), lambda one: one["bytes"]).items()]
    answers["02"] = [(key, len(times), *(quantile(times, share) for share in (0.5, 0.95, 0.99))) for key, times in group(
        good, lambda one: one["destination"],
        lambda one: milliseconds(one["acceptedAt"], one["finishedAt"])).items()]
    def repeated(one):
        found = one["retries"] or []
        ends = found and one["status"] == "failed" and found[-1]["attempt"] == one["attempts"]
        return found[:-1] if ends and found[-1]["kind"] == one["failure"]["kind"] else found

    causes = collections.Counter((one["destination"], retry["kind"], retry["httpStatus"])
                                 for one in results for retry in repeated(one))
    answers["03"] = [(*key, count) for key, count in causes.items()]
    answers["04"] = [(key, sum(sizes), sum(1 for size in sizes if size > 0)) for key, sizes in group(
        every, lambda one: one["destination"], lambda one: one["bytesResumed"]).items()]
    latest = {}
    for one in sorted(results, key=lambda one: one["generation"]):
        latest[one["tenant"], one["taskId"]] = one
    final = collections.Counter((one["attempts"], one["failure"]["kind"])
                                for one in latest.values() if one["status"] == "failed")
    answers["05"] = [(*key, count) for key, count in final.items()]
    answers["06"] = [(key, len(found), round(sum(sent for sent, _ in found) * 1000 / max(1, sum(ms for _, ms in found)), 6))
                     for key, found in group(lambda one: good(one) and one["bytesSent"] > 0,
                                             lambda one: one["destination"],
                                             lambda one: (one["bytesSent"], one["uploadMs"])).items()]
    first, last = min(one["acceptedAt"] for one in results), max(one["finishedAt"] for one in results)
    ends = {}
    for one in results:
        name = one["tenant"], one["taskId"], one["acceptedAt"]
        ends[name] = min(ends.get(name, one["finishedAt"]), one["finishedAt"])
    answers["07"], at = [], hour(first) + datetime.timedelta(hours=1)
    while at <= hour(last) + datetime.timedelta(hours=1):
        open_then = [milliseconds(accepted, at) for (_, _, accepted), ended in ends.items() if accepted <= at < ended]
        answers["07"].append((at, len(open_then), max(open_then, default=0)))
        at += datetime.timedelta(hours=1)
    answers["08"] = [(key, sum(max(0, attempts - 1) for attempts, _, _ in found), sum(again for _, again, _ in found),
                      sum(ms for attempts, _, ms in found if attempts > 1))
                     for key, found in group(every, lambda one: one["destination"], lambda one: (
                         one["attempts"], one["bytesRepeated"], one["uploadMs"])).items()]
    tenants = collections.defaultdict(list)
    for one in latest.values():
        tenants[one["tenant"]].append(one)
    answers["09"] = []
    for tenant, found in tenants.items():
        lost = [one["bytes"] for one in found if one["status"] in ("failed", "expired")]
        answers["09"].append((tenant, len(found), len(lost), sum(lost), round(100 * len(lost) / len(found), 2)))
    answers["10"] = [(key, len(sizes), sum(sizes)) for key, sizes in group(
        lambda one: one["wasStored"], lambda one: one["destination"], lambda one: one["bytes"]).items()]
    stored = collections.Counter(one["destination"] for one in results if good(one))
    answers["11"] = [(*key, len(sizes), sum(sizes), round(100 * len(sizes) / stored[key[0]], 2)) for key, sizes in group(
        good, lambda one: (one["destination"], one["verification"]), lambda one: one["bytes"]).items()]
    def stored_now(one):
        return good(latest[one["tenant"], one["taskId"]])

    answers["12"] = [(*key, len(found), sum(now for _, _, now in found), sum(size for size, _, _ in found),
                      min(at for _, at, _ in found), max(at for _, at, _ in found)) for key, found in group(
        lambda one: one["replay"], lambda one: (one["replay"], one["status"]),
        lambda one: (one["bytes"], one["finishedAt"], stored_now(one))).items()]
    return answers


def events(trial, count):
    """The records of the topic as the CloudEvents SDK reads Kafka's binary mode."""
    from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
    from cloudevents.core.formats.json import JSONFormat
    topic = [line.split()[0] for line in trial.run("topics", "list").stdout.splitlines() if ".results " in line][0]
    out = subprocess.run(["kcat", "-b", trial.arguments.kafka, "-C", "-t", topic, "-e", "-q", "-J"],
                         capture_output=True, text=True, check=True).stdout
    seen = set()
    for line in out.splitlines():
        record = json.loads(line)
        names, values = record["headers"][::2], record["headers"][1::2]
        headers = {name: value.encode() for name, value in zip(names, values)}
        event = from_kafka_event(KafkaMessage(headers=headers, key=record["key"].encode(),
                                              value=record["payload"].encode()), JSONFormat())
        assert event.get_type().startswith("backhaul.upload.") and event.get_source(), line
        data = event.get_data()
        assert (data if isinstance(data, dict) else json.loads(data))["taskId"] == event.get_subject(), line
        seen.add(event.get_id())
    assert len(seen) == count, (len(seen), count)
    say(f"CloudEvents: {len(seen)} valid, each id once")


if __name__ == "__main__":
    main()
