"""Uploads, compared with plain uploaders. Turns alternate, the first round is dropped, and all objects are compared."""
from contestants import Contestants, check, make_files, remove_files
from figures import span, summary, times
from nginx import STORE, Nginx

TOO_LONG = 60
"""Seconds; a contestant that takes longer is measured once."""


def _compare(bench, row, count, size, names):
    names = [name for name in names if name not in bench.options.without.split(",")]
    folder = make_files(bench, count, size)
    nginx = Nginx(bench, STORE)
    contestants = Contestants(bench, nginx)
    results = {name: [] for name in names}
    row.runs.update(results)
    for number in range(bench.rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            if name != "backhaul" and any(run["seconds"] > TOO_LONG for run in results[name]):
                continue
            nginx.clear()
            _take_memory(bench.memory / "taken", count * size)
            before = nginx.cpu()
            found, place = getattr(contestants, name)(folder)
            found.setdefault("server_cpu", nginx.cpu() - before)
            if place is not None:
                check(bench, folder, nginx.www / place)
            bench.say(f"round {number}: {name} {found['seconds']:.2f} s, {found['cpu']:.2f} s of CPU, "
                      f"server {found['server_cpu']:.2f}, {found['peak']:.0f} MiB")
            if number > 0 or (found["seconds"] > TOO_LONG and name != "backhaul"):
                results[name].append(found)
    nginx.stop()
    remove_files(bench, folder)
    spreads = {name: summary(runs) for name, runs in results.items()}
    row.table(["", "median s", "least–most s", "backhaul ÷ it", "CPU µs a file", "server's CPU µs a file", "peak MiB"], [
        [name, times(entry["seconds"]["median"]), span(entry["seconds"]), _ratio(spreads, name),
         times(entry["cpu"]["median"] / count * 1e6, 0), times(entry["server_cpu"]["median"] / count * 1e6, 0),
         times(entry["peak"]["most"], 0)] for name, entry in spreads.items()])
    for name, runs in results.items():
        if any(run["seconds"] > TOO_LONG for run in runs) and name != "backhaul":
            row.note(f"{name} takes minutes and was measured once.")
    return {name: entry["seconds"]["median"] for name, entry in spreads.items()}


def _take_memory(path, size):
    """Writes and frees as much memory as the server will store, so that all contestants begin alike. A virtual machine
    returns free memory to its host, and the first writer after a pause waits to get it back. For a contestant after a
    slow one, writing 4 GiB takes up to twice as long."""
    block = bytes(1 << 20)
    with path.open("wb", buffering=0) as file:
        for _ in range(0, size, len(block)):
            file.write(block)
    path.unlink()


def _ratio(spreads, name):
    if "backhaul" not in spreads:
        return "–"
    return times(spreads["backhaul"]["seconds"]["median"] / spreads[name]["seconds"]["median"])


PEERS = ["backhaul", "curl", "bare", "rclone", "s5cmd", "s5cmd_s3"]


def small(bench, row):
    count = bench.size(10_000, 1_000)
    row.title = f"{count:,} files of 10 KiB"
    median = _compare(bench, row, count, 10 << 10, PEERS)
    if "backhaul" not in median:
        return
    for name, most, label in (("curl", 1, "curl -Z"), ("bare", 1.25, "a bare libcurl loop")):
        if name in median:
            ratio = median["backhaul"] / median[name]
            row.bar(f"{row.title}, seconds ÷ {label}", f"{ratio:.2f}", f"≤ {most}", ratio <= most)


def medium(bench, row):
    count = bench.size(200, 10)
    row.title = f"{count} files of 10 MiB"
    _compare(bench, row, count, 10 << 20, PEERS)


def large(bench, row):
    size = bench.size(4 << 30, 256 << 20)
    row.title = f"one file of {size >> 20:,} MiB"
    median = _compare(bench, row, 1, size, ["backhaul", "curl", "bare", "sha256sum"])
    if not {"backhaul", "curl", "sha256sum"} <= median.keys():
        return
    ratio = max(median["curl"], median["sha256sum"]) / median["backhaul"]
    row.bar(f"{row.title}, its SHA-256 included: the slower of curl -T and sha256sum ÷ backhaul", f"{ratio:.2f}",
            "≥ 0.95", ratio >= 0.95)
    peak = max(run["peak"] for run in row.runs["backhaul"])
    row.bar(f"{row.title}: peak memory of the daemon", f"{peak:.0f} MiB", "≤ 64 MiB + 256 KiB", peak <= 64.25)
