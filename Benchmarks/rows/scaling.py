"""1, 2, 4 and 8 workers with a destination that answers after 50 ms: the destination is the limit, not the CPU."""
from figures import times
from nginx import SLOW, Nginx
from processes import poll
from system import Embedded, Fleet

UPLOADS, DELAY = 4, 0.05
IDEAL = UPLOADS / DELAY
"""Uploads per second of one worker."""
BUSY = 50
"""Tasks per worker with a destination that answers 503, so that each passes the delay topics once a second."""


def _settings(nginx):
    return {
        "destinations": {"slow": {"type": "http", "url": nginx.url + "/"},
                         "broken": {"type": "http", "url": nginx.url + "/broken/"}},
        "limits": {"uploads": UPLOADS, "uploadsPerHost": UPLOADS},
        "retry": {"tiers": ["1s"], "maxAttempts": 1000}}


def _measure(bench, nginx, kind, workers, busy):
    tasks = bench.size(800, 160) * workers
    with kind(bench, _settings(nginx)) as system:
        system.start(workers=workers)
        # Warms up until every worker has its connections.
        system.measure(UPLOADS * 4 * workers, to="slow", size=1024)
        failing = None
        if busy:
            failing = system.start_bench(BUSY * workers, to="broken", size=1024)
            poll(f"{BUSY * workers} tasks in the delay topics", 120,
                 lambda: system.outstanding("tasks") == 0 and system.outstanding("retry.1s") >= BUSY * workers, 0.2)
        samples = system.folder / "samples"
        before = sum(1 for _ in nginx.requests())
        run = system.measure(tasks, to="slow", size=1024, samples=samples)
        failures = sum(status == 503 for _, _, status, _ in list(nginx.requests())[before:])
        if failing:
            failing.kill()
        # All tasks are due at the start, so a latency is the time of a task's end; the middle excludes the tail.
        ends = list(map(int, samples.read_text().split()))
        first, last = ends[len(ends) // 10], ends[len(ends) * 9 // 10]
    return {"workers": workers, "busy": busy, "tasks": tasks, "rate": run.found["tasksPerSecond"],
            "middle_rate": (len(ends) * 9 // 10 - len(ends) // 10) / (last - first) * 1e6,
            "retries_per_second": failures / run.found["seconds"],
            "cpu_us": (sum(run.cpu.values()) + run.submitter_cpu) / tasks * 1e6, "peak": run.peak}


def _scale(bench, row, kind, where):
    row.title = f"workers on {where} against a destination of 50 ms, {UPLOADS} uploads at a time each"
    # One worker runs twice and the better run counts: a disturbed baseline would improve all other ratios.
    counts = bench.size([1, 2, 4, 8, 1], [1, 4, 1])
    nginx = Nginx(bench, SLOW)
    runs = row.runs["runs"] = []
    for busy in (False, True):
        for workers in counts:
            run = _measure(bench, nginx, kind, workers, busy)
            runs.append(run)
            bench.say(f"{workers} workers, delay topics {'busy' if busy else 'idle'}: {run['rate']:.1f} uploads/s "
                      f"({run['retries_per_second']:.0f} retries/s)")
    nginx.stop()
    for run in runs:
        alone = [other for other in runs if other["busy"] == run["busy"] and other["workers"] == 1]
        for key, rate in (("efficiency", "rate"), ("middle_efficiency", "middle_rate")):
            run[key] = run[rate] / (run["workers"] * max(other[rate] for other in alone))
    row.table(
        ["workers", "delay topics", "uploads/s", "of what the destination allows", "of linear",
         "of linear, without the tail", "retries/s", "CPU µs a task"],
        [[run["workers"], "busy" if run["busy"] else "idle", times(run["rate"], 1),
          times(run["rate"] / (IDEAL * run["workers"])), times(run["efficiency"]), times(run["middle_efficiency"]),
          times(run["retries_per_second"], 0), times(run["cpu_us"], 0)] for run in runs])
    for busy in (False, True):
        least = min(run["efficiency"] for run in runs if run["busy"] == busy and run["workers"] > 1)
        row.bar(f"workers 1 → {max(counts)} on {where}, delay topics {'busy' if busy else 'idle'}: the least of linear",
                f"{least:.2f}", "≥ 0.9", least >= 0.9)
    row.note("A hash assigns tasks to partitions, so one worker has more than another and ends later: 'without the tail' "
             "is the rate between the first and the last tenth.")


def embedded(bench, row):
    _scale(bench, row, Embedded, "the embedded log")


def kafka(bench, row):
    _scale(bench, row, Fleet, "Kafka")
