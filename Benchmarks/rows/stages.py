"""CPU time of a task by stage, in the usual setup. Each stage is measured in a process, or a period, of its own."""
from figures import span, spread, times
from rows.backlog import drain
from rows.view import rebuild
from system import Embedded, Fleet


def _table(row, runs, stages):
    kept = {label: spread([run[key] for run in runs]) for key, label in stages}
    row.table(["stage", "CPU µs a task", "least–most"], [
        [label, times(entry["median"], 1), span(entry, 1)] for label, entry in kept.items()])


def embedded(bench, row):
    tasks = bench.size(50_000, 5_000)
    row.title = f"CPU by stage, embedded log, {tasks:,} tasks, nothing uploaded"
    runs = row.runs["runs"] = []
    for number in range(bench.rounds + 1):
        with Embedded(bench) as system:
            run = drain(system, tasks)
            run["daemon_us"] = run["cpu_us"]["daemon"]
            run["bytes_per_task"] = system.bytes() / tasks
            system.stop()
            run["view_us"] = rebuild(bench, system, tasks)["cpu"] / tasks * 1e6
        run["settle_us"] = run["daemon_us"] - run["view_us"]
        bench.say(f"round {number}: append {run['append_us']:.0f}, daemon {run['daemon_us']:.0f}, of it about "
                  f"{run['view_us']:.0f} the view, follow {run['follow_us']:.0f} µs")
        if number > 0:
            runs.append(run)
    _table(row, runs, [
        ("append_us", "append, in groups of 500, without a daemon"),
        ("daemon_us", "daemon: worker, acknowledger and view, draining the backlog"),
        ("view_us", "of that the view, about: the cost of a rebuild"),
        ("settle_us", "of that the worker and acknowledger, about: the rest"),
        ("follow_us", "following the results")])
    row.note(f"The log takes {times(spread([run['bytes_per_task'] for run in runs])['median'], 0)} bytes a task, "
             "including SQLite's write-ahead log.")


def kafka(bench, row):
    tasks = bench.size(100_000, 10_000)
    row.title = f"CPU by stage, Kafka, {tasks:,} tasks, nothing uploaded"
    runs = row.runs["runs"] = []
    for number in range(bench.rounds + 1):
        found = {}
        for view in (False, True):
            with Fleet(bench) as fleet:
                found[view] = drain(fleet, tasks, view=view)
        run = {"append_us": found[False]["append_us"], "follow_us": found[False]["follow_us"],
               "worker_us": found[False]["cpu_us"]["worker"], "acknowledger_us": found[False]["cpu_us"]["acknowledger"],
               "with_view_us": found[True]["cpu_us"]["acknowledger"]}
        bench.say(f"round {number}: " + ", ".join(f"{key[:-3]} {value:.0f}" for key, value in run.items()) + " µs")
        if number > 0:
            runs.append(run)
    _table(row, runs, [
        ("append_us", "append, in groups of 500"), ("worker_us", "worker"),
        ("acknowledger_us", "acknowledger without a view"), ("with_view_us", "acknowledger with its view"),
        ("follow_us", "following the results")])
    row.note("Separate processes; their start and the joining of their groups count.")
