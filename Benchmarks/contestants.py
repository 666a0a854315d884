"""The programs that PUT every file of a folder to nginx: Backhaul and what people use instead."""
import os
import shutil

from processes import Failure
from s3_server import KEYS, S3Server
from system import Embedded


class Contestants:
    """Each method takes a folder and returns what the run used, and where the objects must be below nginx's root
    (None: they need no check there)."""

    def __init__(self, bench, nginx):
        self.bench, self.nginx = bench, nginx

    def _run(self, *command, **more):
        child = self.bench.children.run(*command, seconds=1800, peak=True, **more)
        return {"seconds": child.seconds, "cpu": child.cpu(), "peak": child.peak()}

    def backhaul(self, folder):
        """From the start of the submission to the last result."""
        with Embedded(self.bench, {"sources": {"roots": {"bench": str(folder)}}}) as system:
            daemon = system.start().daemon
            before = daemon.cpu()
            found = self._run(*system.command("submit", folder, "--to", self.nginx.url + "/", "--wait"))
            found["cpu"] += daemon.cpu() - before
            found["peak"] = daemon.peak()
        return found, ""

    def curl(self, folder):
        """Up to 32 files at a time; a single file with -T."""
        names = sorted(entry.name for entry in os.scandir(folder))
        if len(names) == 1:
            return self._run("curl", "-sS", "--fail", "-H", "Expect:", "-o", "/dev/null", "-T", folder / names[0],
                             f"{self.nginx.url}/{names[0]}"), ""
        config = self.bench.memory / f"{folder.name}.curl"
        if not config.exists():
            config.write_text("".join(
                f'upload-file = "{folder}/{name}"\nurl = "{self.nginx.url}/{name}"\noutput = "/dev/null"\n'
                for name in names))
        return self._run("curl", "-sS", "--fail", "-Z", "--parallel-max", "32", "-H", "Expect:", "-K", config), ""

    def bare(self, folder):
        return self._run(self.bench.program("curl_multi", "curl"), "32", folder, self.nginx.url), ""

    def rclone(self, folder):
        """With --webdav-pacer-min-sleep 0: by default it waits 10 ms between two WebDAV calls."""
        return self._run(
            self.bench.options.rclone, "copy", folder, ":webdav:", "--webdav-url", self.nginx.url, "--transfers", "32",
            "--checkers", "32", "--webdav-pacer-min-sleep", "0", "--expect-continue-timeout", "0", "--no-check-dest",
            "--retries", "1", "--config", "/dev/null"), ""

    def s5cmd(self, folder):
        """To the same server as all others, which accepts its PUTs and ignores the signatures."""
        return self._s5cmd(folder, self.nginx.url), "bucket"

    def s5cmd_s3(self, folder):
        """To a server that speaks S3 and checks what S3 checks: rclone's, which also stores in memory."""
        with S3Server(self.bench) as server:
            found = self._s5cmd(folder, server.url)
            found["server_cpu"] = server.cpu()
            check(self.bench, folder, server.bucket)
        return found, None

    def _s5cmd(self, folder, url):
        return self._run(
            self.bench.options.s5cmd, "--endpoint-url", url, "--log", "error", "--numworkers", "32", "cp", f"{folder}/",
            "s3://bucket/", environment={**KEYS, "AWS_REGION": "us-east-1"})

    def sha256sum(self, folder):
        return self._run("sha256sum", *sorted(entry.path for entry in os.scandir(folder))), None


def make_files(bench, count, size):
    """Files with different contents: otherwise a swap of two objects would go unnoticed."""
    folder = bench.memory / f"in-{count}x{size}"
    folder.mkdir()
    block = os.urandom(min(size, 1 << 20))
    for number in range(count):
        with open(folder / f"f{number:06d}", "wb") as file:
            head = number.to_bytes(8, "big") + os.urandom(8)
            left = size - file.write(head[:size])
            while left > 0:
                left -= file.write(block[:left])
    return folder


def check(bench, folder, stored):
    """Checks that every object is there and equals its file."""
    names = sorted(entry.name for entry in os.scandir(folder))
    found = sorted(entry.name for entry in os.scandir(stored))
    if names != found:
        raise Failure(f"{len(found)} objects for {len(names)} files in {stored}")
    for name in names:
        if (folder / name).stat().st_size > 64 << 20:
            bench.children.run("cmp", folder / name, stored / name, seconds=300)
        elif (folder / name).read_bytes() != (stored / name).read_bytes():
            raise Failure(f"{name} differs from its file")


def remove_files(bench, folder):
    shutil.rmtree(folder, ignore_errors=True)
    (bench.memory / f"{folder.name}.curl").unlink(missing_ok=True)
