"""A backlog that grows while no worker runs, and is then drained: its size must not affect speed or memory."""
from figures import times
from rows.memory import allowed
from system import Embedded, Fleet

UPLOADS = 32
"""limits.uploads, the default."""


def drain(system, tasks, **how):
    """Appends tasks while the system is down, starts it, and waits for the last result."""
    load = system.fill(tasks)
    append_cpu = load.cpu()
    system.start(**how)
    begin = min(child.began + child.ready_after for _, child in system.members)
    start = min(child.began for _, child in system.members)
    run = system.finish_bench(load, 300 + tasks / 200)
    return {
        "tasks": tasks, "accepted_seconds": run.found["acceptedSeconds"], "seconds_from_ready": load.ended - begin,
        "seconds_from_start": load.ended - start, "rate": tasks / max(0.001, load.ended - begin),
        "append_us": append_cpu / tasks * 1e6, "follow_us": (run.submitter_cpu - append_cpu) / tasks * 1e6,
        "cpu_us": {role: cpu / tasks * 1e6 for role, cpu in run.cpu.items()}, "peak": run.peak}


def _row(bench, row, kind, where, role, **how):
    row.title = f"a backlog on {where} drained, nothing uploaded"
    runs = row.runs["runs"] = []
    for tasks in bench.size([1_000, 10_000, 100_000, 1_000_000], [1_000, 10_000, 30_000]):
        with kind(bench) as system:
            run = drain(system, tasks, **how)
            if tasks == 1_000_000 and kind is Embedded:
                system.stop()
                bench.keep("million", system.data)
        runs.append(run)
        bench.say(f"{tasks:,} waiting: {run['rate']:,.0f} tasks/s, {run['seconds_from_ready']:.2f} s from ready, peak MiB "
                  + ", ".join(f"{name} {peak:.0f}" for name, peak in run["peak"].items()))
    roles = list(runs[0]["peak"])
    row.table(
        ["waiting", "append s", "from start s", "from ready s", "tasks/s from ready",
         *(f"CPU µs a task, {name}" for name in roles), *(f"peak MiB, {name}" for name in roles)],
        [[f"{run['tasks']:,}", *(times(run[key]) for key in (
            "accepted_seconds", "seconds_from_start", "seconds_from_ready")),
          times(run["rate"], 0), *(times(run["cpu_us"][name], 0) for name in roles),
          *(times(run["peak"][name], 0) for name in roles)] for run in runs])
    first, last = runs[1], runs[-1]
    ratio = last["rate"] / first["rate"]
    row.bar(f"tasks/s on {where} with {last['tasks']:,} waiting ÷ with {first['tasks']:,}", f"{ratio:.2f}", "≥ 0.9",
            ratio >= 0.9)
    peak = last["peak"][role]
    row.bar(f"peak of the {role} on {where} with {last['tasks']:,} waiting, {UPLOADS} at a time", f"{peak:.0f} MiB",
            f"≤ {allowed(UPLOADS):.0f} MiB", peak <= allowed(UPLOADS))
    row.note("The end is that of the submitter, which reads the results. A thousand tasks are done about when the system "
             "is ready; ten thousand are the first that measure speed.")


def embedded(bench, row):
    _row(bench, row, Embedded, "the embedded log", "daemon")


def kafka(bench, row):
    _row(bench, row, Fleet, "Kafka", "worker", view=False)
