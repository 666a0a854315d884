#!/usr/bin/env python3
"""Measures Backhaul, plain uploaders and hand-written programs with the same work, in the same minutes, on the same
machine: only ratios within one run can be compared, not figures of two machines or of two days.

Destinations and inputs are in memory (tmpfs); Backhaul's log is on the disk and fsynced, as for a user. All
measurements are kept as JSON, with a Markdown file beside it. A row that fails says why, and the others continue.
"""
import argparse
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import machine  # noqa: E402
import report  # noqa: E402
from kafka_cluster import Cluster  # noqa: E402
from processes import Children, Failure  # noqa: E402
from rows import ROWS  # noqa: E402

HERE = Path(__file__).resolve().parent


class Bench:
    """What all rows share."""

    def __init__(self, options):
        self.options, self.quick = options, options.quick
        self.rounds = options.rounds or (2 if options.quick else 7)
        self.memory = Path(options.memory) / f"backhaul-bench-{os.getpid()}"
        self.disk = Path(options.disk) / f"backhaul-bench-{os.getpid()}"
        self.memory.mkdir()
        self.disk.mkdir()
        self.children = Children(self.memory)
        self.row, self.began = "bench", time.time()
        self._cluster = None

    @property
    def cluster(self):
        self._cluster = self._cluster or Cluster(self.options.kafka)
        return self._cluster

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {self.row}: {text}", file=sys.stderr, flush=True)

    def size(self, full, quick):
        return quick if self.quick else full

    def prefix(self, name):
        """A unique prefix for topics."""
        return f"bench.{os.getpid()}.{int(self.began)}.{name}."

    def program(self, name, *libraries):
        """One of the C programs beside this file, built once."""
        built = self.memory / name
        if not built.exists():
            self.children.run("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", built, HERE / f"{name}.c",
                              *(f"-l{library}" for library in libraries), seconds=120)
        return built

    def keep(self, name, folder):
        """Keeps a folder on the disk for a later row."""
        (self.disk / "kept").mkdir(exist_ok=True)
        shutil.move(folder, self.disk / "kept" / name)

    def kept(self, name):
        found = self.disk / "kept" / name
        return found if found.exists() else None

    def tidy(self):
        """Cleans up after a row: what it leaves, above all in memory, must not slow the next."""
        self.children.end()
        for folder in [*self.memory.iterdir(), *self.disk.iterdir()]:
            if folder.is_dir() and folder.name != "kept":
                shutil.rmtree(folder, ignore_errors=True)

    def close(self):
        self.children.end()
        shutil.rmtree(self.memory, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)


def run_row(bench, row, work, needs_kafka):
    bench.row = row.name
    begin = time.monotonic()
    try:
        if needs_kafka and not bench.options.kafka:
            row.state, row.why = "skipped", "set BACKHAUL_TEST_KAFKA"
        else:
            work(bench, row)
            if row.state == "running":
                row.state = "done"
    except Exception as error:
        row.state, row.why = "failed", f"{error}" if isinstance(error, Failure) else traceback.format_exc()
        if not isinstance(error, Failure):
            row.why = f"{type(error).__name__}: {error}\n{row.why}"
    finally:
        bench.tidy()
        if row.state == "running":
            row.state, row.why = "failed", "interrupted"
        row.seconds = time.monotonic() - begin
        bench.say(f"{row.state} after {row.seconds:.0f} s" + (f": {row.why}" if row.why else ""))


def wanted_rows(text):
    """Selects rows by name or by the part before a dash: `scaling` is `scaling-embedded` and `scaling-kafka`."""
    words = text.split(",")
    for word in words:
        if word != "all" and not any(name == word or name.startswith(word + "-") for name, _, _ in ROWS):
            raise SystemExit(f"bench: --rows: no row '{word}'; the rows are {', '.join(name for name, _, _ in ROWS)}")
    return [entry for entry in ROWS
            if any(word == "all" or entry[0] == word or entry[0].startswith(word + "-") for word in words)]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="rows: " + ", ".join(name for name, _, _ in ROWS))
    parser.add_argument("--backhaul", type=Path, required=True, help="the program")
    parser.add_argument("--s5cmd", default="s5cmd")
    parser.add_argument("--rclone", default="rclone",
                        help="must know --webdav-pacer-min-sleep: older versions wait 10 ms between two calls")
    parser.add_argument("--memory", default="/dev/shm", help="a folder in memory")
    parser.add_argument("--disk", default="/var/tmp", help="a folder on the disk, for Backhaul's log")
    parser.add_argument("--port", type=int, default=18474, help="nginx's port, on loopback")
    parser.add_argument("--kafka", default=os.environ.get("BACKHAUL_TEST_KAFKA"), metavar="HOST:PORT",
                        help="for the rows on Kafka; also BACKHAUL_TEST_KAFKA")
    parser.add_argument("--rounds", type=int, help="rounds that count, after one that is dropped (7; with --quick 2)")
    parser.add_argument("--rows", default="all", help="comma-separated; 'scaling' means all rows that begin with it")
    parser.add_argument("--without", default="", help="upload contestants to leave out, comma-separated")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the rows out: figures mean nothing")
    parser.add_argument("--output", type=Path, default=Path(".build/bench"))
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    options.backhaul = options.backhaul.resolve()
    if not os.access(options.backhaul, os.X_OK):
        parser.error(f"--backhaul: {options.backhaul} is not a program")
    return options, wanted_rows(options.rows)


def main():
    options, wanted = arguments()
    # SIGTERM ends the run in order, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    facts = machine.facts(options)
    if options.quick:
        facts["quick"] = "small sizes to try the rows out: these figures mean nothing"
    rows = []
    bench = Bench(options)
    interrupted = False
    try:
        for row_name, work, needs_kafka in wanted:
            rows.append(report.Row(row_name))
            run_row(bench, rows[-1], work, needs_kafka)
            report.write(options.output, name, facts, vars(options), rows)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        bench.close()
    report.write(options.output, name, facts, vars(options), rows)
    print(report.markdown(facts, rows))
    print(f"bench: {options.output / name}.json and .md", file=sys.stderr)
    if interrupted:
        return 130
    return 1 if any(row.state == "failed" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
