"""The time from when a task was due to when its result was seen, at a pace that does not wait for the system."""
from figures import histogram, times
from system import Embedded, Fleet

RATES = [1, 100, 1000]


def _seconds(bench, rate):
    return bench.size(120, 5) if rate == 1 else bench.size(30, 3)


def _measure(bench, row, system):
    samples = system.folder / "samples"
    # Warms up: the first connections, positions and pages are not part of the measurement.
    system.measure(100, rate=100)
    quantiles = {}
    for rate in RATES:
        run = system.measure(rate * _seconds(bench, rate), rate=rate, samples=samples)
        found = quantiles[rate] = histogram(samples)
        roles = {**run.cpu, "submitter": run.submitter_cpu}
        found["cpu_share"] = sum(roles.values()) / run.found["seconds"]
        row.runs[f"{rate} a second"] = {**found, "cpu_seconds": roles}
        bench.say(f"{rate} tasks/s: p50 {found['p50']:.2f}, p99 {found['p99']:.2f}, p99.9 {found['p99.9']:.2f}, "
                  f"most {found['most']:.2f} ms")
    return quantiles


def _table(row, quantiles):
    columns = ["p50", "p99", "p99.9", "most"]
    row.table(["tasks/s", "samples", *(f"{name} ms" for name in columns), "CPU of all, cores"], [
        [rate, f"{found['samples']:,}", *(times(found[name]) for name in columns), times(found["cpu_share"])]
        for rate, found in quantiles.items()])


def embedded(bench, row):
    row.title = "submit → result on the embedded log, nothing uploaded"
    with Embedded(bench) as system:
        quantiles = _measure(bench, row, system.start())
    _table(row, quantiles)
    for rate in (1, 100):
        found = quantiles[rate]["p99"]
        row.bar(f"submit → result, p99 at {rate} a second", f"{found:.1f} ms", "≤ 50 ms", found <= 50)
    row.note("At 1 a second there are few samples: the p99 is about the highest of them.")


def _commits(bench, number):
    """The brokers' own latency of a commit of one record, by a program in C, with no other load."""
    program = bench.program("kafka_pipe", "rdkafka")
    child = bench.children.run(
        program, "latency", bench.cluster.brokers, f"{bench.prefix('latency')}{number}", bench.size(20, 3),
        bench.cluster.replication, seconds=120)
    found = child.json()
    bench.say("the brokers' begin → commit: p50 {p50:.2f}, p99 {p99:.2f} ms".format(**found["begin_to_commit_ms"]))
    return found


def kafka(bench, row):
    row.title = "submit → result on Kafka, nothing uploaded"
    before = _commits(bench, 1)
    with Fleet(bench) as fleet:
        quantiles = _measure(bench, row, fleet.start())
    after = _commits(bench, 2)
    row.runs["commits"] = [before, after]
    _table(row, quantiles)
    row.table(["brokers alone, C", "p50 ms", "p99 ms", "p99.9 ms", "most ms"], [
        [f"{label}, {when}", *(times(found[key][part]) for part in ("p50", "p99", "p999", "max"))]
        for key, label in (
            ("begin_to_commit_ms", "begin → commit"), ("settle_ms", "the same with a group's position"),
            ("produce_to_visible_ms", "produce → visible"))
        for when, found in (("before", before), ("after", after))])
    own, settle = (sum(found[key]["p99"] for found in (before, after)) / 2
                   for key in ("begin_to_commit_ms", "settle_ms"))
    for rate in (1, 100):
        found = quantiles[rate]["p99"]
        row.bar(f"submit → result on Kafka, p99 at {rate} a second ÷ the brokers' begin → commit, p99",
                f"{found:.1f} ÷ {own:.1f} ms = {found / own:.1f}", "≤ 3", found / own <= 3)
        row.note(f"At {rate} a second p99 is {found / settle:.1f} × that of a commit which moves a group's position, as two of "
                 "a task's three commits do.")
    row.note("A task passes three commits in sequence: its append, the worker's and the acknowledger's settlement. "
             "The brokers' figure is the mean of before and after.")
