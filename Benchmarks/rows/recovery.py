"""Seconds from SIGKILL of a worker until another worker uploads one of its tasks, by the times of nginx's log."""
import time

from figures import spread, times
from nginx import SLOW, Nginx
from processes import poll
from system import Embedded, Fleet

UPLOADS = 4
RATE = 100
"""Tasks per second; each of the two workers can do 80."""


def _settings(nginx, path):
    return {"destinations": {"slow": {"type": "http", "url": f"{nginx.url}/{path}/"}},
            "limits": {"uploads": UPLOADS, "uploadsPerHost": UPLOADS}}


def _table(row, runs, what, also="This includes 50 ms for the upload.", more=()):
    """`more`: further columns, each a title and a function from a run to its cell."""
    row.table(["round", what, *(title for title, _ in more)],
              [[number, times(run["seconds"]), *(cell(run) for _, cell in more)] for number, run in enumerate(runs)])
    found = spread([run["seconds"] for run in runs])
    row.note(f"Median {found['median']:.2f} s, {found['least']:.2f}–{found['most']:.2f}. {also}")


def embedded(bench, row):
    row.title = "the daemon killed and restarted at once, as a supervisor does"
    nginx = Nginx(bench, SLOW)
    runs = row.runs["runs"] = []
    with Embedded(bench, _settings(nginx, "all")) as system:
        load = None
        for number in range(bench.size(7, 2)):
            if load is None:
                system.start()
                load = system.start_bench(bench.size(7, 2) * 2_000, to="slow", size=1024)
            seen = sum(1 for _ in nginx.requests())
            poll("uploads in flight", 60, lambda: sum(1 for _ in nginx.requests()) > seen + 40)
            moment = time.time()
            system.kill(system.daemon)
            dead = time.time()
            system.start(wait=False)

            def first():
                # nginx also answers requests of the dead daemon: only later requests count.
                return next((end for begin, end, status, _ in nginx.requests() if begin > dead and status == 200), None)
            seconds = poll("an upload after the kill", 60, first, 0.02) - moment
            system.daemon.wait_ready()
            runs.append({"seconds": seconds, "ready_after": system.daemon.ready_after})
            bench.say(f"round {number}: {seconds:.2f} s, ready {system.daemon.ready_after:.2f} s after its start")
        load.kill()
    nginx.stop()
    _table(row, runs, "s from SIGKILL to the first upload's answer")


def kafka(bench, row):
    row.title = "one of two workers on Kafka killed, its tasks uploaded by the other"
    nginx = Nginx(bench, SLOW)
    runs = row.runs["runs"] = []
    for number in range(bench.size(7, 1)):
        with Fleet(bench, _settings(nginx, "a")) as fleet:
            survivor = fleet.write_settings("survivor.yaml", **_settings(nginx, "b"))
            victim = fleet.start_worker()
            other = fleet.start_worker(survivor)
            fleet.start_acknowledger()
            fleet.wait_ready(2)
            # 63 % of what the two can do, so that the survivor has no backlog that delays the dead worker's tasks.
            load = fleet.start_bench(6_000, to="slow", size=1024, rate=RATE)
            skip = sum(1 for _ in nginx.requests())
            with bench.cluster.partitions(fleet.prefix + "tasks", rb"bench/b[0-9]+-[0-9]+/[0-9]+") as partitions:
                # The workers reach the destination under different URLs, so nginx's log shows the sender.
                def uploads(place):
                    return {path[3:]: end for _, end, status, path in list(nginx.requests())[skip:]
                            if path.startswith(f"/{place}/") and status == 200}

                # Waits until the first use of the new topics is over.
                poll("uploads of both", 60, lambda: min(len(uploads("a")), len(uploads("b"))) > 3 * RATE / 2)
                moment = time.time()
                fleet.kill(victim)
                partitions.look()
                lost = {partitions.of[path] for path in uploads("a") if path in partitions.of}

                def taken():
                    partitions.look()
                    return min((when for path, when in uploads("b").items()
                                if when > moment and partitions.of.get(path) in lost), default=None)
                seconds = poll("a task of the dead worker's partitions uploaded by the other", 90, taken, 0.1) - moment
            fenced = any("ended a transaction that was left open" in line for line in list(other.said))
            load.kill()
        runs.append({"seconds": seconds, "open_transaction": fenced})
        bench.say(f"round {number}: {seconds:.2f} s" + (", a transaction was left open" if fenced else ""))
    nginx.stop()
    _table(row, runs, "s from SIGKILL to the first upload of its partitions by the other",
           f"{RATE} tasks/s; an upload takes 50 ms.",
           [("a transaction was left open", lambda run: "yes" if run["open_transaction"] else "no")])
    row.note("The brokers reassign a dead member's partitions when its session ends: session.timeout.ms, by default "
             "8 s.")
