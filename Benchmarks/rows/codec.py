"""Micro-benchmarks of codec and ledger: a separate program in Swift, `backhaul-micro`, beside `backhaul`.

It prints one JSON object per line, {"name": …, FIGURE: NUMBER, …}; each figure becomes a column.
"""
import json

from figures import times


def codec(bench, row):
    row.title = "codec and ledger"
    program = bench.options.backhaul.with_name("backhaul-micro")
    if not program.exists():
        row.state, row.why = "skipped", f"{program} is not built"
        return
    child = bench.children.run(program, seconds=600)
    entries = row.runs["backhaul-micro"] = [json.loads(line) for line in child.output if line.strip()]
    columns = list(dict.fromkeys(key for entry in entries for key in entry if key != "name"))
    row.table(["", *columns], [
        [entry["name"], *(times(entry.get(column, "–"), 1) for column in columns)] for entry in entries])
    for entry in entries:
        bench.say(", ".join(f"{key} {value}" for key, value in entry.items()))
