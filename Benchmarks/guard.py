#!/usr/bin/env python3
"""Guards the cost of the code that every task runs. It counts instead of timing: instructions and allocations per
operation, as callgrind counts them in backhaul-micro. The counts do not depend on the machine's load.

    guard.py --micro PATH            compares with Benchmarks/guard.json; exit 1 when a case costs more
    guard.py --micro PATH --record   rewrites Benchmarks/guard.json, after an intended change

A codec runs on one thread and may differ by 10 % (another C library copies differently). A whole task's path has
threads, whose batches vary, and may differ by 35 %. A case that became cheaper by more than that is reported, so that
a new record guards the gain.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RECORD = Path(__file__).resolve().parent / "guard.json"
WHOLE = {"task-path"}


def tolerance(name):
    return 0.35 if name in WHOLE else 0.10


def count(micro):
    """Instructions and allocations per operation, of each case."""
    with tempfile.TemporaryDirectory() as folder:
        # Debian 12's valgrind fails on the debug information of Swift's compiler; the symbols are enough.
        plain = Path(folder) / "micro"
        subprocess.run(["strip", "--strip-debug", "-o", plain, micro], check=True)
        command = [
            "valgrind", "--tool=callgrind", "--zero-before=backhaul_measure", "--dump-after=backhaul_measure",
            f"--callgrind-out-file={folder}/out", "--compress-strings=no", "--compress-pos=no", "--error-exitcode=9",
            plain, "--count"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=1_500)
        except FileNotFoundError:
            raise SystemExit("guard: valgrind is missing; Tests/Tools/setup/debian.sh guard installs it")
        if done.returncode != 0:
            raise SystemExit(f"guard: {' '.join(map(str, command))} failed ({done.returncode}):\n{done.stderr[-3000:]}")
        cases = [line.split() for line in done.stdout.splitlines() if line]
        counts = {}
        for number, (name, operations) in enumerate(cases, 1):
            dump = Path(folder) / f"out.{number}"
            if not dump.exists():
                raise SystemExit(f"guard: callgrind wrote no counts of {name}; files: {sorted(Path(folder).iterdir())}")
            instructions, allocations = read(dump)
            counts[name] = {
                "instructions": round(instructions / int(operations)),
                "allocations": round(allocations / int(operations), 2)}
        if not counts:
            raise SystemExit("guard: backhaul-micro ran no case")
        return counts


def read(dump):
    """All instructions of one dump, and its calls of functions that allocate memory."""
    instructions = allocations = 0
    caller = callee = None
    giving = ("malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign")
    for line in dump.read_text(errors="replace").splitlines():
        if line.startswith("fn="):
            caller = line[3:].split("'")[0]
        elif line.startswith("cfn="):
            callee = line[4:].split("'")[0]
        elif line.startswith("calls="):
            # The program's own malloc calls the C library's, which has the same name.
            if callee in giving and caller not in giving:
                allocations += int(re.match(r"calls=(\d+)", line).group(1))
        elif line.startswith("summary:") or line.startswith("totals:"):
            instructions = max(instructions, int(line.split()[1]))
    return instructions, allocations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--micro", required=True)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    counts = count(options.micro)
    if options.record:
        RECORD.write_text(json.dumps(counts, indent=2, sort_keys=True) + "\n")
        print(f"guard: recorded {len(counts)} cases in {RECORD.name}")
        return 0
    recorded = json.loads(RECORD.read_text())
    failed = 0
    print(f"{'case':24} {'instructions':>14} {'recorded':>10} {'':>7} {'allocations':>12} {'recorded':>9}")
    for name in sorted(set(counts) | set(recorded)):
        if name not in counts or name not in recorded:
            print(f"{name:24} {'is recorded but was not run' if name in recorded else 'is not recorded'}; "
                  "run make guard-record")
            failed += 1
            continue
        now, then = counts[name], recorded[name]
        ratio = now["instructions"] / max(1, then["instructions"])
        # Allows half an allocation more: a few of thousands of operations grow a table.
        dearer = ratio > 1 + tolerance(name) or now["allocations"] > then["allocations"] * (1 + tolerance(name)) + 0.5
        failed += dearer
        print(f"{name:24} {now['instructions']:14} {then['instructions']:10} {ratio:6.2f}x {now['allocations']:12.2f} "
              f"{then['allocations']:9.2f}" + ("  DEARER" if dearer else "") +
              ("  cheaper: make guard-record" if ratio < 1 - tolerance(name) else ""))
    print(f"guard: {len(counts) - failed} passed, {failed} failed" if failed else f"guard: {len(counts)} cases within tolerance")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
