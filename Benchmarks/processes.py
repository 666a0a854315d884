"""Processes that the benchmarks start: every wait is bounded, and no process outlives the benchmarks."""
import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque

import machine


class Failure(Exception):
    """Why a row cannot continue."""


def _environment(more):
    """The environment without settings of Backhaul, so that the defaults apply."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BACKHAUL_")}
    return {**kept, **(more or {})}


class Child:
    """One process. Keeps its stdout and stderr; its CPU time and its peak memory are known after its end, too."""

    def __init__(self, command, environment=None, peak_file=None):
        self.command = [str(part) for part in command]
        self._peak_file = peak_file
        self.output, self.said = [], deque(maxlen=400)
        self._changed = threading.Condition()
        self.code = self.usage = self.ready = None
        self.began = time.monotonic()
        # Its own process group, so that the processes that it starts end with it.
        self._process = subprocess.Popen(
            self._through_time(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", env=_environment(environment), start_new_session=True)
        self.pid = self._process.pid
        self._handle = os.pidfd_open(self.pid)
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.output), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self.said), daemon=True)]
        for reader in self._readers:
            reader.start()

    def _through_time(self):
        """Starts the command through `time`, which is small: the kernel counts the memory that is resident in Python at
        a fork as the child's own peak."""
        return ["time", "-q", "-f", "%M", "-o", self._peak_file, *self.command] if self._peak_file else self.command

    def _read(self, stream, lines):
        for line in stream:
            with self._changed:
                lines.append(line.rstrip("\n"))
                if lines is self.said and self.ready is None and '"event":"ready"' in line:
                    self.ready = json.loads(line)
                    self.ready_after = time.monotonic() - self.began
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def name(self):
        return " ".join(self.command[:2])

    def _trouble(self, what):
        return Failure(f"{self.name} {what}:\n" + "\n".join([*self.output[-10:], *list(self.said)[-20:]]))

    def wait_ready(self, seconds=60):
        """Waits for the line with "event":"ready"."""
        with self._changed:
            self._changed.wait_for(lambda: self.ready or not self._readers[1].is_alive() or self.is_over(), seconds)
        if not self.ready:
            raise self._trouble("ended before it was ready" if self.is_over() else f"was not ready after {seconds} s")
        return self

    def is_over(self):
        return self.code is not None or bool(select.select([self._handle], [], [], 0)[0])

    def wait(self, seconds):
        """Waits for its end. Returns its exit code, or None when it still runs after `seconds`."""
        if self.code is None:
            if not select.select([self._handle], [], [], max(0, seconds))[0]:
                return None
            self.ended = time.monotonic()
            _, status, self.usage = os.wait4(self.pid, 0)
            self.code = self._process.returncode = os.waitstatus_to_exitcode(status)
            for reader in self._readers:
                reader.join(10)
            os.close(self._handle)
        return self.code

    def finish(self, seconds):
        """Waits for its end, which must be a success."""
        code = self.wait(seconds)
        if code is None:
            self.kill()
            raise self._trouble(f"did not end within {seconds:.0f} s")
        if code != 0:
            raise self._trouble(f"ended with {code}")
        return self

    def signal(self, number):
        if self.code is None:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self):
        self.kill_group()
        self.wait(30)

    def kill_group(self):
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def stop(self, seconds=30):
        """Stops it as a service manager does: SIGTERM, then SIGKILL if it does not end."""
        self.signal(signal.SIGTERM)
        if self.wait(seconds) is None:
            self.kill()
            raise self._trouble(f"did not end within {seconds} s of SIGTERM")

    @property
    def seconds(self):
        return self.ended - self.began

    def cpu(self):
        return self.usage.ru_utime + self.usage.ru_stime if self.usage else machine.cpu_of(self.pid)

    def peak(self):
        """MiB, of a running process, or of one that was started with `peak=True`."""
        if self._peak_file:
            return int(self._peak_file.read_text().split()[-1]) / 1024
        return machine.memory_of(self.pid, "VmHWM")

    def resident(self):
        return machine.memory_of(self.pid, "VmRSS")

    def json(self):
        """The last JSON object in its output."""
        for line in reversed(self.output):
            if line.startswith("{"):
                return json.loads(line)
        raise self._trouble("printed no JSON")


class Children:
    """All processes that were started and may still run."""

    def __init__(self, folder):
        self._folder, self._started, self._alive = folder, 0, []

    def start(self, *command, environment=None, peak=False):
        self._alive = [child for child in self._alive if child.code is None]
        self._started += 1
        child = Child(command, environment, self._folder / f"peak-{self._started}" if peak else None)
        self._alive.append(child)
        return child

    def run(self, *command, seconds, environment=None, peak=False):
        return self.start(*command, environment=environment, peak=peak).finish(seconds)

    def end(self):
        """Kills all at once: those that need an orderly end were stopped before."""
        for child in self._alive:
            child.kill_group()
        for child in self._alive:
            child.wait(30)
        self._alive = []


def poll(what, seconds, question, pause=0.05):
    """Calls `question` until its answer is true: for conditions that send no event."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
