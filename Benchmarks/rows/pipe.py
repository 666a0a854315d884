"""Tasks through the whole pipe with a destination that drops: this measures Backhaul alone."""
import sys

from figures import span, summary, times
from system import Embedded, Fleet
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SAME, LARGE = 256, 1000
"""Records per transaction: Backhaul's default for a settlement, and a choice for a program that need not limit how many
uploads a crash repeats."""


def _figures(run, tasks, roles):
    found = {"tasks_per_second": run.found["tasksPerSecond"], "accepted_seconds": run.found["acceptedSeconds"]}
    for role in roles:
        found[f"{role}_us"] = run.cpu[role] / tasks * 1e6
        found[f"{role}_MiB"] = run.peak[role]
    found["submitter_us"] = run.submitter_cpu / tasks * 1e6
    found["cpu_us"] = sum(found[f"{role}_us"] for role in [*roles, "submitter"])
    return found


def embedded(bench, row):
    tasks = bench.size(50_000, 5_000)
    row.title = f"{tasks:,} tasks through the embedded log, nothing uploaded"
    runs = []
    for number in range(bench.rounds + 1):
        with Embedded(bench) as system:
            found = _figures(system.start().measure(tasks), tasks, ["daemon"])
            found["log_MiB"] = system.bytes() / (1 << 20)
        bench.say(f"round {number}: {found['tasks_per_second']:,.0f} tasks/s, CPU µs a task: daemon "
                  f"{found['daemon_us']:.0f}, submitter {found['submitter_us']:.0f}")
        if number > 0:
            runs.append(found)
    row.runs["backhaul"] = runs
    rows = summary(runs)
    labels = [("tasks_per_second", "tasks/s"), ("daemon_us", "CPU µs a task, daemon"),
              ("submitter_us", "CPU µs a task, submitter and reader"), ("daemon_MiB", "peak MiB, daemon"),
              ("log_MiB", "log, MiB")]
    row.table(["", "median", "least–most"], [
        [label, times(rows[key]["median"], 0), span(rows[key], 0)] for key, label in labels])
    rate = rows["tasks_per_second"]["median"]
    row.bar("tasks/s through the embedded log", f"{rate:,.0f}", "≥ 10,000 on two cores", rate >= 10_000)


class _Contestants:
    """The same job in Backhaul, C and Python. Each run has its own topics."""

    def __init__(self, bench, tasks):
        self.bench, self.tasks = bench, tasks

    def _backhaul(self, view):
        with Fleet(self.bench) as fleet:
            run = fleet.start(view=view).measure(self.tasks)
            return _figures(run, self.tasks, ["worker", "acknowledger"])

    def backhaul(self, number):
        return self._backhaul(view=False)

    def backhaul_with_view(self, number):
        return self._backhaul(view=True)

    def _by_hand(self, number, name, batch, *program):
        prefix = self.bench.prefix(name) + str(number)
        cluster = self.bench.cluster
        try:
            child = self.bench.children.run(
                *program, cluster.brokers, prefix, self.tasks, batch, 8, cluster.replication,
                seconds=180 + self.tasks / 500)
        except BaseException:
            cluster.delete(prefix)
            raise
        found = child.json()
        return {"tasks_per_second": self.tasks / found["seconds"], "cpu_us": found["cpu_seconds"] / self.tasks * 1e6,
                "mean_batch": sum(found["mean_batch"]) / 2}

    def c(self, number):
        return self._by_hand(number, "c", SAME, self.bench.program("kafka_pipe", "rdkafka"))

    def c_large(self, number):
        return self._by_hand(number, "cl", LARGE, self.bench.program("kafka_pipe", "rdkafka"))

    def python(self, number):
        return self._by_hand(number, "python", SAME, sys.executable, "-B", HERE / "kafka_pipe.py")


def kafka(bench, row):
    tasks = bench.size(100_000, 10_000)
    row.title = f"{tasks:,} tasks through Kafka, nothing uploaded"
    contestants = _Contestants(bench, tasks)
    names = ["backhaul", "c", "python", "backhaul_with_view", "c_large"]
    results = {name: [] for name in names}
    row.runs = results
    for number in range(bench.rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found = getattr(contestants, name)(number)
            bench.say(f"round {number}: {name} {found['tasks_per_second']:,.0f} tasks/s, "
                      f"{found['cpu_us']:.0f} µs of CPU a task")
            if number > 0:
                results[name].append(found)
    spreads = {name: summary(runs) for name, runs in results.items()}
    rate = {name: entry["tasks_per_second"]["median"] for name, entry in spreads.items()}
    labels = {"backhaul": "backhaul, acknowledger without a view (the hops of the others)",
              "backhaul_with_view": "backhaul, acknowledger with its view", "c": f"C on librdkafka, {SAME} in a transaction",
              "c_large": f"C on librdkafka, {LARGE:,} in a transaction",
              "python": f"Python on confluent-kafka, {SAME} in a transaction"}
    row.table(["", "tasks/s", "least–most", "backhaul ÷ it", "CPU µs a task of all clients"], [
        [labels[name], times(rate[name], 0), span(spreads[name]["tasks_per_second"], 0),
         times(rate["backhaul"] / rate[name]), times(spreads[name]["cpu_us"]["median"], 0)] for name in names])
    roles = ["worker", "acknowledger", "submitter"]
    row.table(["process", "CPU µs a task", "with the view", "peak MiB"], [
        [role, *(times(spreads[name][f"{role}_us"]["median"], 1) for name in ("backhaul", "backhaul_with_view")),
         times(spreads["backhaul"][f"{role}_MiB"]["most"], 0) if role != "submitter" else "–"] for role in roles])
    row.note("C and Python append in groups of 500, as Backhaul does; a program's speed is its batch ÷ the time of a "
             "transaction on the brokers.")
    ratio = rate["backhaul"] / rate["c"]
    row.bar("tasks/s through Kafka ÷ a C program with the same hops and batch sizes", f"{ratio:.2f}", "≥ 0.5", ratio >= 0.5)
