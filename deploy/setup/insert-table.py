#!/usr/bin/env python3
"""Puts the table on standard input in place of the table of settings in the Markdown file that is named."""
import re
import sys

path, table = sys.argv[1], sys.stdin.read()
text = open(path, encoding="utf-8").read()
made, count = re.subn(r"\n\| setting \| environment variable \|.*?\n(?=\n)|\n@@TABLE@@\n", lambda _: "\n" + table, text, count=1, flags=re.S)
if count != 1:
    sys.exit(f"{path}: no table of settings was found")
open(path, "w", encoding="utf-8").write(made)
