"""The view is derived: the time to rebuild it from the log."""
import json
import shutil

from figures import times
from processes import Failure
from system import Embedded


def rebuild(bench, system, tasks):
    """Deletes the view of a stopped system, and lets `status` rebuild it."""
    for file in system.data.glob("view.sqlite*"):
        file.unlink()
    child = bench.children.run(*system.command("status", "--output", "json"), seconds=300 + tasks / 500,
                               peak=True)
    found = json.loads(child.output[-1])
    if found["accepted"] != tasks or found["succeeded"] != tasks:
        raise Failure(f"the rebuilt view has {found}, not {tasks} tasks that succeeded")
    size = sum(file.stat().st_size for file in system.data.glob("view.sqlite*"))
    return {"tasks": tasks, "seconds": child.seconds, "cpu": child.cpu(), "peak": child.peak(), "bytes": size}


def view(bench, row):
    tasks = bench.size(1_000_000, 20_000)
    row.title = f"a view of {tasks:,} results rebuilt"
    with Embedded(bench) as system:
        million = bench.kept("million")
        if million and tasks == 1_000_000:
            shutil.move(million, system.data)
        else:
            system.start().measure(tasks)
            system.stop()
        runs = row.runs["runs"] = []
        for number in range(2):
            run = rebuild(bench, system, tasks)
            runs.append(run)
            bench.say(f"{run['seconds']:.2f} s, {run['cpu']:.2f} s of CPU, {run['peak']:.0f} MiB")
        again = bench.children.run(*system.command("status"), seconds=60)
        row.runs["status afterwards"] = again.seconds
    row.table(["results", "s", "results/s", "CPU µs a task", "peak MiB", "bytes a task"], [
        [f"{run['tasks']:,}", times(run["seconds"]), times(run["tasks"] / run["seconds"], 0),
         times(run["cpu"] / run["tasks"] * 1e6, 1), times(run["peak"], 0), times(run["bytes"] / run["tasks"], 0)]
        for run in runs])
    row.note(f"`status` on an up-to-date view takes {again.seconds * 1000:.0f} ms. The log is in the page cache.")
