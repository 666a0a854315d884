#!/usr/bin/env python3
"""Measures Backhaul beside plain uploaders, on the same work, in the same minutes, on the same machine.

Every round runs each contestant once, in an order that turns; the first round is dropped. What is compared are ratios of
medians. Destinations and inputs lie in memory (tmpfs); Backhaul's log lies on the disk and is fsynced, as a user has it.
After each run the objects are counted and compared, byte for byte.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def cpu_of(pid):
    """User and system seconds of a process that is still there."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_of(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(command, **options):
    """Runs a command: seconds, CPU seconds and peak MiB of it and its children."""
    begin = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        **options)
    output = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} failed with {process.returncode}:\n{output[-2000:]}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / 1024}


class Nginx:
    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.www = folder / "www"
        self.www.mkdir(parents=True)
        (folder / "tmp").mkdir()
        modules = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")
        (folder / "nginx.conf").write_text(f"""
            {"user root;" if os.geteuid() == 0 else ""}
            load_module {modules};
            worker_processes auto; pid {folder}/pid; error_log {folder}/error.log;
            events {{ worker_connections 4096; }}
            http {{
              access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/tmp;
              server {{
                listen 127.0.0.1:{port} backlog=4096; root {self.www}; client_max_body_size 0;
                client_body_buffer_size 64k;
                location / {{ dav_methods PUT DELETE MKCOL MOVE COPY; dav_ext_methods PROPFIND OPTIONS;
                  create_full_put_path on; dav_access user:rw; }}
              }}
            }}""")
        subprocess.run(["nginx", "-c", folder / "nginx.conf"], check=True)
        self.url = f"http://127.0.0.1:{port}"

    def clear(self):
        shutil.rmtree(self.www)
        self.www.mkdir()
        os.chmod(self.www, 0o777)

    def stop(self):
        subprocess.run(["nginx", "-c", self.folder / "nginx.conf", "-s", "stop"], check=False)


class Bench:
    def __init__(self, options):
        self.options = options
        self.memory = Path(options.memory) / f"backhaul-bench-{os.getpid()}"
        self.disk = Path(options.disk) / f"backhaul-bench-{os.getpid()}"
        self.memory.mkdir()
        self.disk.mkdir()
        self.nginx = Nginx(self.memory / "nginx", options.port)
        self.multi = self.memory / "curl_multi"
        subprocess.run(
            ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.multi, HERE / "curl_multi.c", "-lcurl"], check=True)
        self.rows = []

    def close(self):
        self.nginx.stop()
        shutil.rmtree(self.memory, ignore_errors=True)
        shutil.rmtree(self.disk, ignore_errors=True)

    # Inputs

    def files(self, count, size):
        folder = self.memory / f"in-{count}x{size}"
        if folder.exists():
            return folder
        folder.mkdir()
        block = os.urandom(1 << 20)
        for number in range(count):
            with open(folder / f"f{number:06d}", "wb") as file:
                # Different contents, or a destination that swaps two would not be seen.
                left = size
                head = number.to_bytes(8, "big") + os.urandom(8)
                file.write(head[: min(left, 16)])
                left -= min(left, 16)
                while left > 0:
                    part = block[: min(left, len(block))]
                    file.write(part)
                    left -= len(part)
        return folder

    def check(self, folder, prefix=""):
        """Every object is there, and is what was sent."""
        stored = self.nginx.www / prefix
        names = sorted(entry.name for entry in os.scandir(folder))
        found = sorted(entry.name for entry in os.scandir(stored))
        if names != found:
            raise SystemExit(f"{len(found)} objects for {len(names)} files in {stored}")
        for name in names:
            if subprocess.call(["cmp", "-s", folder / name, stored / name]) != 0 if len(names) < 300 else (
                    (folder / name).read_bytes() != (stored / name).read_bytes()):
                raise SystemExit(f"{name} is not what was sent")

    # Contestants: each puts every file of a folder to nginx

    def backhaul(self, folder):
        data = self.disk / "data"
        shutil.rmtree(data, ignore_errors=True)
        program = self.options.backhaul
        log = open(self.disk / "log", "w+")
        daemon = subprocess.Popen(
            [program, "standalone", "--data", data, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=log)
        try:
            while '"event":"ready"' not in Path(log.name).read_text():
                if daemon.poll() is not None:
                    raise SystemExit(Path(log.name).read_text())
                time.sleep(0.01)
            before = cpu_of(daemon.pid)
            result = run([program, "submit", folder, "--to", self.nginx.url + "/", "--log", f"embedded://{data}", "--wait"])
            result["cpu"] += cpu_of(daemon.pid) - before
            result["peak"] = peak_of(daemon.pid)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)
        return result, ""

    def curl(self, folder):
        config = self.memory / "curl.conf"
        if not config.exists() or config.read_text().count(folder.name) == 0:
            with open(config, "w") as file:
                for name in sorted(entry.name for entry in os.scandir(folder)):
                    file.write(f'upload-file = "{folder}/{name}"\nurl = "{self.nginx.url}/{name}"\noutput = "/dev/null"\n')
        return run(["curl", "-sS", "--fail", "-Z", "--parallel-max", "32", "-H", "Expect:", "-K", config]), ""

    def bare(self, folder):
        return run([self.multi, "32", folder, self.nginx.url]), ""

    def rclone(self, folder):
        return run([
            "rclone", "copy", folder, ":webdav:", "--webdav-url", self.nginx.url, "--transfers", "32", "--checkers", "32",
            "--expect-continue-timeout", "0", "--no-check-dest", "--retries", "1", "--config", "/dev/null"]), ""

    def s5cmd(self, folder):
        environment = dict(os.environ, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_REGION="us-east-1")
        return run([
            self.options.s5cmd, "--endpoint-url", self.nginx.url, "--log", "error", "--numworkers", "32", "cp",
            str(folder) + "/", "s3://bucket/"], env=environment), "bucket"

    def sha256sum(self, folder):
        return run(["sha256sum"] + sorted(str(entry.path) for entry in os.scandir(folder))), None

    # Rows

    def row(self, name, count, size, contestants, rounds):
        folder = self.files(count, size)
        contestants = [entry for entry in contestants if entry not in self.options.without.split(",")]
        results = {contestant: [] for contestant in contestants}
        for number in range(rounds + 1):
            turn = number % len(contestants)
            for contestant in contestants[turn:] + contestants[:turn]:
                # One that takes minutes is measured once; the others are compared with each other.
                if sum(entry["seconds"] for entry in results[contestant]) > 60 and contestant != "backhaul":
                    continue
                self.nginx.clear()
                result, prefix = getattr(self, contestant)(folder)
                if prefix is not None:
                    self.check(folder, prefix)
                if number > 0 or (result["seconds"] > 60 and contestant != "backhaul"):
                    results[contestant].append(result)
                print(f"{name}, round {number}: {contestant} {result['seconds']:.2f} s, "
                      f"{result['cpu']:.2f} s of CPU, {result['peak']:.0f} MiB", file=sys.stderr)
        self.nginx.clear()
        shutil.rmtree(folder)
        (self.memory / "curl.conf").unlink(missing_ok=True)
        medians = {}
        for contestant, runs in results.items():
            seconds = [entry["seconds"] for entry in runs]
            medians[contestant] = {
                "seconds": statistics.median(seconds), "least": min(seconds), "most": max(seconds),
                "cpu_microseconds_per_file": statistics.median(entry["cpu"] for entry in runs) / count * 1e6,
                "peak_MiB": max(entry["peak"] for entry in runs), "runs": seconds,
            }
        for contestant in medians:
            medians[contestant]["ratio"] = medians["backhaul"]["seconds"] / medians[contestant]["seconds"]
        self.rows.append({"row": name, "files": count, "bytes": size, "contestants": medians})


def versions(options):
    def first(*command):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
            lines = (done.stdout or done.stderr).splitlines()
            return lines[0] if lines else "unknown"
        except FileNotFoundError:
            return "absent"

    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    return {
        "machine": f"{os.cpu_count()} cores, {model}, {platform.release()}",
        "backhaul": first(str(options.backhaul), "--version"), "curl": first("curl", "--version"),
        "nginx": first("nginx", "-v"), "rclone": first("rclone", "version"), "s5cmd": first(str(options.s5cmd), "version"),
    }


def markdown(rows, facts):
    lines = [f"- {name}: {text}" for name, text in facts.items()] + [""]
    for row in rows:
        lines += [f"### {row['row']}", "", "| | median s | least–most s | backhaul ÷ it | CPU µs a file | peak MiB |",
                  "|---|---|---|---|---|---|"]
        for name, entry in row["contestants"].items():
            lines.append(
                f"| {name} | {entry['seconds']:.2f} | {entry['least']:.2f}–{entry['most']:.2f} | {entry['ratio']:.2f} | "
                f"{entry['cpu_microseconds_per_file']:.0f} | {entry['peak_MiB']:.0f} |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backhaul", type=Path, required=True)
    parser.add_argument("--s5cmd", default="s5cmd")
    parser.add_argument("--memory", default="/dev/shm", help="a folder in memory")
    parser.add_argument("--disk", default="/var/tmp", help="a folder on the disk that Backhaul's log is to use")
    parser.add_argument("--port", type=int, default=18474)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", default="small,medium,large")
    parser.add_argument("--without", default="", help="contestants to leave out, with commas")
    parser.add_argument("--output", type=Path, default=Path(".build/bench"))
    options = parser.parse_args()
    options.backhaul = options.backhaul.resolve()
    bench = Bench(options)
    try:
        wanted = options.rows.split(",")
        if "small" in wanted:
            bench.row("10,000 files of 10 KiB", 10_000, 10 << 10, ["backhaul", "curl", "bare", "rclone", "s5cmd"], options.rounds)
        if "medium" in wanted:
            bench.row("200 files of 10 MiB", 200, 10 << 20, ["backhaul", "curl", "bare", "rclone", "s5cmd"], options.rounds)
        if "large" in wanted:
            bench.row("one file of 4 GiB", 1, 4 << 30, ["backhaul", "curl", "sha256sum"], options.rounds)
    finally:
        bench.close()
    facts = versions(options)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "bench.json").write_text(json.dumps({"facts": facts, "rows": bench.rows}, indent=2) + "\n")
    text = markdown(bench.rows, facts)
    (options.output / "bench.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
