"""Memory of a worker while uploads are in flight: the destination reads a part of each body and then pauses."""
from figures import times
from holding_server import HoldingServer
from system import Embedded, Fleet

KIB, MIB = 1 << 10, 1 << 20


def allowed(uploads):
    """The limit in MiB: bar B5 of docs/CONTRACTS.md."""
    return 64 + uploads / 4


def _measure(bench, kind, role, uploads, size):
    server = HoldingServer()
    settings = {"destinations": {"nowhere": {"type": "drop"}, "holding": {"type": "http", "url": server.url}},
                "limits": {"uploads": uploads, "uploadsPerHost": uploads}}
    try:
        with kind(bench, settings) as system:
            system.start()
            member = next(child for name, child in system.members if name == role)
            # Warms up: the memory of a process's first tasks does not count as memory of uploads.
            system.measure(100)
            idle = member.resident()
            load = system.start_bench(uploads, to="holding", size=size)
            server.wait_held(uploads, 60 + uploads // 10)
            resident = member.resident()
            server.release()
            system.finish_bench(load, 120)
            peak = member.peak()
    finally:
        server.close()
    return {"uploads": uploads, "size": size, "idle": idle, "resident": resident, "peak": peak,
            "KiB_per_upload": (resident - idle) * 1024 / uploads, "allowed": allowed(uploads)}


def _row(bench, row, kind, role, who):
    row.title = f"memory of {who} with uploads in flight"
    runs = row.runs["runs"] = []
    for size in (10 * KIB, 10 * MIB):
        for uploads in bench.size([10, 100, 1000], [10, 100]):
            run = _measure(bench, kind, role, uploads, size)
            runs.append(run)
            bench.say(f"{uploads} uploads of {size // KIB:,} KiB: {run['resident']:.0f} MiB, idle {run['idle']:.0f}, peak "
                      f"{run['peak']:.0f}, {run['KiB_per_upload']:.0f} KiB an upload")
    row.table(["in flight", "file", "idle MiB", "in flight MiB", "KiB an upload", "peak MiB", "allowed MiB"], [
        [run["uploads"], f"{run['size'] // KIB:,} KiB", *(times(run[key], 0) for key in (
            "idle", "resident", "KiB_per_upload", "peak", "allowed"))] for run in runs])
    for run in runs:
        row.bar(f"peak of {who}, {run['uploads']:,} uploads of {run['size'] // KIB:,} KiB in flight",
                f"{run['peak']:.0f} MiB", f"≤ {run['allowed']:.0f} MiB", run["peak"] <= run["allowed"])
    row.note("Idle is after a hundred tasks without uploads. Allowed is 64 MiB plus 256 KiB per upload.")


def embedded(bench, row):
    _row(bench, row, Embedded, "daemon", "the daemon with all roles")


def kafka(bench, row):
    _row(bench, row, Fleet, "worker", "a worker on Kafka")
