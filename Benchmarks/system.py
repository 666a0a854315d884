"""The measured system: one daemon on an embedded log, or a fleet on Kafka. All settings, durability included, are the
defaults, except for those that a row's title names."""
import itertools
import json
import os
import shutil
import time

from processes import Failure

_numbers = itertools.count(1)


class Run:
    """What `backhaul bench` measured, and the resources used."""

    def __init__(self, found, child, members, before):
        self.found = found
        self.submitter_cpu = child.cpu()
        self.cpu, self.peak = {}, {}
        for role, member in members:
            self.cpu[role] = self.cpu.get(role, 0) + member.cpu() - before[member.pid]
            self.peak[role] = max(self.peak.get(role, 0), member.peak())


class System:
    """A system's folder, settings and processes. `members` are pairs of role and process."""

    def __init__(self, bench, settings=None):
        self.bench = bench
        self.number = next(_numbers)
        self.folder = bench.disk / f"system-{self.number}"
        self.folder.mkdir()
        self.source = bench.memory / "source"
        self.source.mkdir(exist_ok=True)
        self.members = []
        self.settings = {
            "sources": {"roots": {"bench": str(self.source)}}, "destinations": {"nowhere": {"type": "drop"}},
            "egress": {"allow": ["127.0.0.0/8"]}, **(settings or {})}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.close(in_order=kind is None)
        except Exception as error:
            # The first failure is the one to report.
            if kind is None:
                raise
            self.bench.say(f"then, during cleanup: {error}")

    def write_settings(self, name="backhaul.yaml", **changed):
        path = self.folder / name
        path.write_text(json.dumps({**self.settings, **changed}))
        return path

    def file(self, size):
        """A file below the root that workers read."""
        path = self.source / f"{size}-bytes"
        if not path.exists() or path.stat().st_size != size:
            path.write_bytes(os.urandom(size))
        return path

    def command(self, *words):
        return [self.bench.options.backhaul, *words, "--log", self.log, "--config", self.config]

    def _start_member(self, role, *words):
        child = self.bench.children.start(*words)
        self.members.append((role, child))
        return child

    def stop(self):
        for _, child in self.members:
            child.stop(60)
        self.members = []

    def kill(self, member):
        member.kill()
        self.members = [(role, child) for role, child in self.members if child is not member]

    def close(self, in_order=True):
        if in_order:
            self.stop()
        for _, child in self.members:
            child.kill()
        self.members = []
        shutil.rmtree(self.folder, ignore_errors=True)

    # Load

    def start_bench(self, tasks, to="nowhere", size=0, rate=0, samples=None):
        words = ["bench", "--to", to, "--tasks", tasks, "--source", self.file(size), "--output", "json"]
        if rate:
            words += ["--rate", rate]
        if samples:
            words += ["--samples", samples]
        return self.bench.children.start(*self.command(*words))

    def finish_bench(self, child, seconds, before=None):
        """`before`: CPU seconds that the members had used when the measurement began; None counts from their start."""
        child.finish(seconds)
        found = child.json()
        if found["failed"]:
            raise Failure(f"{found['failed']} of {found['tasks']} tasks failed")
        return Run(found, child, self.members, before or {member.pid: 0 for _, member in self.members})

    def used(self):
        return {member.pid: member.cpu() for _, member in self.members}

    def measure(self, tasks, **load):
        before = self.used()
        rate = load.get("rate") or 200  # the slowest system that the time-out allows for
        return self.finish_bench(self.start_bench(tasks, **load), 120 + tasks / rate * 1.5, before)

    def outstanding(self, topic):
        """The number of unfinished records."""
        done = self.bench.children.run(*self.command("lag", "--output", "json"), seconds=300)
        return sum(entry["outstanding"] for entry in map(json.loads, done.output)
                   if entry["topic"] == self.prefix + topic)

    def fill(self, tasks, **load):
        """Appends tasks while no worker runs. Returns the submitter, which waits for the results."""
        self.create()
        child = self.start_bench(tasks, **load)
        end = time.monotonic() + 120 + tasks / 1000
        pause = 0.1
        while (found := self.outstanding("tasks")) < tasks:
            if child.is_over() or time.monotonic() > end:
                child.finish(0)
            time.sleep(pause)  # counting reads all records, so it must be rare
            pause = min(5, pause * 1.5)
        if found > tasks:
            raise Failure(f"{found} tasks wait, {tasks} were appended")
        return child


class Embedded(System):
    prefix = "backhaul."

    def __init__(self, bench, settings=None):
        super().__init__(bench, settings)
        self.data = self.folder / "data"
        self.log = f"embedded://{self.data}"
        self.config = self.write_settings()

    def start(self, workers=1, wait=True):
        self.daemon = self._start_member(
            "daemon", self.bench.options.backhaul, "standalone", "--data", self.data, "--listen", "127.0.0.1:0",
            "--workers", workers, "--config", self.config)
        if wait:
            self.daemon.wait_ready()
        return self

    def create(self):
        """Creates the log, which `lag` does not."""
        self.start()
        self.stop()

    def bytes(self):
        return sum(entry.stat().st_size for entry in self.data.glob("log.sqlite*"))


class Fleet(System):
    """Workers and an acknowledger, each in its own process, on the fleet's own topics."""

    def __init__(self, bench, settings=None):
        super().__init__(bench, settings)
        self.prefix = bench.prefix(f"fleet-{self.number}")
        self.log = f"kafka://{bench.options.kafka}/"
        self.settings["topics"] = {"prefix": self.prefix, "replication": bench.cluster.replication}
        self.config = self.write_settings()
        try:
            bench.children.run(*self.command("topics", "apply", "--yes"), seconds=120)
        except BaseException:
            self.close(in_order=False)
            raise

    def create(self):
        """Does nothing: the topics exist from the start."""

    def start_worker(self, config=None):
        return self._start_member("worker", self.bench.options.backhaul, "worker", "--log", self.log, "--config",
                                  config or self.config, "--listen", "127.0.0.1:0")

    def start_acknowledger(self, view=True):
        more = ["--data", self.folder / "view"] if view else []
        return self._start_member("acknowledger", *self.command("acknowledger", "--listen", "127.0.0.1:0"), *more)

    def start(self, workers=1, view=True, wait=True):
        for _ in range(workers):
            self.start_worker()
        self.start_acknowledger(view)
        if wait:
            self.wait_ready(workers)
        return self

    def wait_ready(self, workers):
        for _, child in self.members:
            child.wait_ready(120)
        self.bench.cluster.wait_assigned(self.prefix + "workers", workers)

    def close(self, in_order=True):
        try:
            super().close(in_order)
        finally:
            self.bench.cluster.delete(self.prefix)
