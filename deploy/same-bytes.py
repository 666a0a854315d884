#!/usr/bin/env python3
"""Makes a stripped program independent of the folder that it was built in: clears the hashes of Swift's modules, which
are of no use once it is linked, and makes the build id one of what is left. Sections are not removed: the program would
lose its read-only relocations.

    same-bytes.py PROGRAM
"""
import hashlib
import re
import subprocess
import sys

program = sys.argv[1]
sections = subprocess.run(["readelf", "-SW", program], check=True, capture_output=True, text=True).stdout
bytes_ = bytearray(open(program, "rb").read())


def place(name):
    found = re.search(rf"\] {re.escape(name)} +\S+ +\S+ (\w+) (\w+)", sections)
    if not found:
        sys.exit(f"same-bytes: {program} has no section {name}")
    return int(found[1], 16), int(found[2], 16)


offset, size = place(".swift_modhash")
bytes_[offset:offset + size] = bytes(size)
# The last 20 bytes of the note are the id.
offset, size = place(".note.gnu.build-id")
end = offset + size
bytes_[end - 20:end] = bytes(20)
bytes_[end - 20:end] = hashlib.sha256(bytes_).digest()[:20]
open(program, "wb").write(bytes_)
