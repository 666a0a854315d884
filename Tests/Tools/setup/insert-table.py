#!/usr/bin/env python3
"""Replaces a generated part of a Markdown file with standard input.

    insert-table.py FILE                 the table of settings
    insert-table.py FILE destinations    the text between `<!-- destinations -->` and `<!-- /destinations -->`
"""
import re
import sys

path, made = sys.argv[1], sys.stdin.read()
text = open(path, encoding="utf-8").read()
if len(sys.argv) > 2:
    mark = sys.argv[2]
    pattern, made = rf"(?<=<!-- {mark} -->\n\n).*?(?=<!-- /{mark} -->)", made
else:
    pattern, made = r"\n\| setting \| environment variable \|.*?\n(?=\n)", "\n" + made
written, count = re.subn(pattern, lambda _: made, text, count=1, flags=re.S)
if count != 1:
    sys.exit(f"{path}: the part to replace was not found")
open(path, "w", encoding="utf-8").write(written)
