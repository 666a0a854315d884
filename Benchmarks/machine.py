"""The resources that processes use, and the facts of the machine."""
import os
import platform
import re
import subprocess
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """User and system seconds of all threads of a process that has not been waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def children_of(pid):
    found = []
    for task in os.scandir(f"/proc/{pid}/task"):
        found += map(int, Path(task.path, "children").read_text().split())
    return found


def memory_of(pid, field):
    """MiB: VmRSS is the resident memory now, VmHWM its peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no {field}: it ended")


def _first_line(*command):
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30)
    except (FileNotFoundError, PermissionError):
        return "absent"
    except subprocess.TimeoutExpired:
        return "no answer"
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def _kind_of(folder):
    """The file system of a folder, so that tmpfs is not mistaken for a disk."""
    return _first_line("stat", "-f", "-c", "%T", folder)


def _model():
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory():
    found = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return f"{int(found[1]) / (1 << 20):.0f} GiB" if found else "unknown memory"


def facts(options):
    """Machine and versions, for the head of the report."""
    found = {
        "machine": f"{os.cpu_count()} cores, {_model()}, {_memory()}, Linux {platform.release()}",
        "load at the start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "inputs and destinations": f"{options.memory} ({_kind_of(options.memory)})",
        "logs": f"{options.disk} ({_kind_of(options.disk)})",
        "backhaul": _first_line(options.backhaul, "--version"),
        "python": platform.python_version(),
        "curl": _first_line("curl", "--version"), "nginx": _first_line("nginx", "-v"),
        "rclone": _first_line(options.rclone, "version"), "s5cmd": _first_line(options.s5cmd, "version"),
        "librdkafka of C": _first_line("pkg-config", "--modversion", "rdkafka"),
    }
    if options.kafka:
        import confluent_kafka
        found["confluent-kafka"] = f"{confluent_kafka.__version__}, librdkafka {confluent_kafka.libversion()[0]}"
    return found
