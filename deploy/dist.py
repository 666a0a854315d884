#!/usr/bin/env python3
"""Writes what belongs to a release beside its package (make dist): a bill of materials (CycloneDX 1.5,
cyclonedx.org/specification), what it was built with, and checksums. The same program and commit give the same files.

    deploy/dist.py PROGRAM FOLDER
"""
import hashlib
import json
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def swift_packages():
    """Every package of the graph, by identity."""
    found = {}

    def add(node):
        for child in node["dependencies"]:
            found[child["identity"]] = child
            add(child)

    add(json.loads(output("swift", "package", "show-dependencies", "--format", "json")))
    return [
        {"type": "library", "bom-ref": f"swift:{one['identity']}", "name": one["name"], "version": one["version"],
         "purl": "pkg:swift/" + re.sub(r"^https://|\.git$", "", one["url"]) + "@" + one["version"],
         "scope": "required"}
        for _, one in sorted(found.items())]


def system_libraries(program):
    """The Debian packages of the libraries that the program is linked with."""
    packages = {}
    for line in output("ldd", str(program)).splitlines():
        path = re.search(r"=> (/\S+)", line)
        if not path:
            continue
        # Libraries of /lib are files of /usr/lib for dpkg, or the other way round.
        real = Path(path[1]).resolve()
        for name in (path[1], str(real), str(real).removeprefix("/usr"), "/usr" + path[1]):
            owner = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True)
            if owner.returncode == 0:
                package = owner.stdout.split(":")[0]
                packages[package] = output("dpkg-query", "-W", "-f", "${Version}", package)
                break
        else:
            sys.exit(f"dist: no Debian package has {path[1]}")
    return [
        {"type": "library", "bom-ref": f"deb:{name}", "name": name, "version": version,
         "purl": f"pkg:deb/debian/{name}@{version}?distro=bookworm", "scope": "required"}
        for name, version in sorted(packages.items())]


def main():
    program, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    package = Path(output("deploy/package.sh", str(program), str(folder)))
    name, version = package.stem.split("_")[:2]
    commit = output("git", "rev-parse", "HEAD")
    time = datetime.fromtimestamp(int(output("git", "log", "-1", "--format=%ct")), timezone.utc)
    components = swift_packages() + system_libraries(program)
    bill = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        # Derived, so that two runs agree.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{name}@{version}')}",
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application", "bom-ref": name, "name": name, "version": version,
                "purl": f"pkg:deb/{name}@{version}", "licenses": [{"license": {"id": "Apache-2.0"}}]},
        },
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": [one["bom-ref"] for one in components]}],
    }
    build = {
        "commit": commit, "committed": bill["metadata"]["timestamp"], "version": version,
        "swift": output("swift", "--version").splitlines()[0],
        "packages": {
            one: output("dpkg-query", "-W", "-f", "${Version}", one)
            for one in ("librdkafka-dev", "libcurl4-openssl-dev", "libsqlite3-dev", "libzstd-dev", "libc6-dev")},
    }
    (folder / f"{name}_{version}.cdx.json").write_text(json.dumps(bill, indent=2) + "\n")
    (folder / f"{name}_{version}.buildinfo.json").write_text(json.dumps(build, indent=2, sort_keys=True) + "\n")
    files = sorted(path for path in folder.iterdir() if path.name.startswith(f"{name}_{version}"))
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums)
    for path in files + [folder / "SHA256SUMS"]:
        print(path)


if __name__ == "__main__":
    main()
