#!/usr/bin/env python3
"""Checks what the compiler and `swift format` do not: layout, language, dead code, imports, links, the glossary, commits.

    Tests/Tools/lint.py            checks the repository; exit 1 and one line a finding
    Tests/Tools/lint.py --rules    lists the rules
"""
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 120
# Commits up to this one were written before subjects were checked.
FIRST_CHECKED = "f8af040"
# A type beside the one that its file is named after serves that one, and is this short.
COMPANION_LINES = 60
# Words of the house's old idiolect, in comments, messages and pages: pattern, and what to write.
WORDS = {
    r"whoever": "name the role: the caller, the next owner, the reader",
    r"anew": "again",
    r"(?<!there )(?:is|are|was) no (?!longer|more|such|other|one|[a-z]+ than)\w+": "is not a …",
    r"takes? (?:its|their) time": "is slow",
    r"at the most\b(?! once)": "at most",
    r"work(?:ed|s|ing)? off": "process, drain",
    r"(?<!by )hand(?:s|ed|ing)? in": "submit",
    r"built again and again": "rebuilt",
    r"\b(?:he|his|him)\b": "the caller; it, its; they, their",
    r"mended": "fixed",
    r"of its own accord": "without being asked",
    r"leaves word": "writes a mark",
    r"through with": "done with",
}
# Identifiers that the glossary of docs/DESIGN.md replaces, as words of camel case.
IDENTIFIERS = {"wish": "cancelRequest", "scout": "query client", "talk": "stderr", "wiring": "what it wires"}
# Called by a library, by the name that its protocol gives them.
WITNESSES = {
    "enqueue", "isIsolatingCurrentContext", "handlerAdded", "handlerRemoved", "channelRead",
    "channelActive", "channelInactive", "channelWritabilityChanged",
}
DECLARATION = re.compile(
    r"^(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:package|public|internal|private|fileprivate|final|nonisolated|indirect)\s+)*"
    r"(struct|class|enum|actor|protocol|typealias)\s+(\w+)", re.M)

findings = []


def find(path, line, text):
    findings.append(f"{path}:{line}: {text}" if line else f"{path}: {text}")


def files(*patterns):
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], cwd=ROOT, capture_output=True, text=True,
        check=True)
    return [path for path in listed.stdout.splitlines() if (ROOT / path).is_file()]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def strip(source, comments=True, strings=True):
    """The source without comments and without the text of string literals; lines stay where they are."""
    out, index = [], 0
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|#*"""(?:.|\n)*?"""#*|#*"(?:\\.|[^"\\\n])*"#*', re.S)
    for match in pattern.finditer(source):
        out.append(source[index:match.start()])
        text = match.group()
        is_comment = text.startswith(("//", "/*"))
        if (comments if is_comment else strings):
            # What is interpolated is code.
            code = "" if is_comment else " ".join(re.findall(r"\\\(([^()]*(?:\([^()]*\)[^()]*)*)\)", text))
            text = code + "\n" * text.count("\n")
        out.append(text)
        index = match.end()
    out.append(source[index:])
    return "".join(out)


def widths():
    """Lines have at most 120 columns. Tables, code blocks, addresses and text of string literals do not count."""
    for path in files("*.swift", "*.py", "*.sh", "Makefile", "*.md"):
        if "/Generated/" in path or path.startswith("docs/man/"):
            continue
        is_code = False
        whole = read(path)
        # A message stays in one piece, so that it can be searched for.
        texts = strip(whole, comments=False) if path.endswith(".swift") else whole
        for number, line in enumerate(texts.split("\n"), 1):
            if path.endswith(".md"):
                # Code, and what a command generates between its marks.
                is_code ^= line.startswith("```") or bool(re.match(r"<!-- /?\w+ -->$", line))
                if is_code or line.startswith(("|", "    ")) or "](http" in line:
                    continue
            # Makefiles and scripts hold commands that no line can break.
            if len(line.rstrip(",")) > WIDTH and path.endswith((".swift", ".md")):
                find(path, number, f"{len(line)} columns, at most {WIDTH}")


def names():
    """A file is named after the type it declares or, with a `+`, extends; other types beside it are short."""
    for path in files("Sources/*.swift", "Tests/*.swift", "Benchmarks/*.swift"):
        name = Path(path).stem
        source = strip(read(path))
        if "/Generated/" in path or name == "Main":
            continue
        if "+" in name:
            if not re.search(rf"^(?:\w+ )*extension {re.escape(name.split('+')[0])}\b", source, re.M):
                find(path, 0, f"does not extend {name.split('+')[0]}")
            continue
        found = {}
        for match in DECLARATION.finditer(source):
            body = source[match.start():]
            end = re.search(r"^\}", body, re.M)
            found[match.group(2)] = body[:end.start()].count("\n") if end and match.group(1) != "typealias" else 1
        # A file of one kind of extension, or of functions, is named after its subject.
        if found and name not in found and not re.search(rf"^(?:\w+ )*extension {re.escape(name)}\b", source, re.M):
            find(path, 0, f"declares no type {name}")
        for other, lines in found.items():
            if other != name and lines > COMPANION_LINES and not path.startswith("Tests/"):
                find(path, 0, f"{other} has {lines} lines: a file of its own, or at most {COMPANION_LINES}")


def words():
    """Comments, messages and pages are in plain English."""
    rules = [(re.compile(pattern if pattern.startswith(r"\b") else rf"\b{pattern}\b", re.I), better)
             for pattern, better in WORDS.items()]
    for path in files("*.swift", "*.py", "*.sh", "Makefile", "*.md", "*.yaml", "*.proto"):
        if "/Generated/" in path or path in ("CHANGELOG.md", "Tests/Tools/lint.py"):
            continue
        for number, line in enumerate(read(path).split("\n"), 1):
            for rule, better in rules:
                if found := rule.search(line):
                    find(path, number, f"'{found.group()}': {better}")


def identifiers():
    """Identifiers use the glossary's words."""
    for path in files("Sources/*.swift"):
        for number, line in enumerate(strip(read(path)).split("\n"), 1):
            for word in re.findall(r"[A-Za-z][a-z]+", line):
                if word.lower() in IDENTIFIERS:
                    find(path, number, f"'{word}' in a name: {IDENTIFIERS[word.lower()]}")


def glossary():
    """The glossary has its words in order, once each, and each is in use."""
    text = read("docs/DESIGN.md")
    section = re.search(r"^## Words$(.*?)(?=^## )", text, re.M | re.S | re.I)
    if not section:
        find("docs/DESIGN.md", 0, "has no section 'Words'")
        return
    terms = [match.group(1).strip(" *`") for match in re.finditer(r"^\| *([^|]+?) *\|", section.group(1), re.M)]
    terms = [term for term in terms if term.lower() not in ("word", "term") and not set(term) <= set("-: ")]
    if len(terms) < 40:
        find("docs/DESIGN.md", 0, f"the glossary has {len(terms)} words, at least 40")
    for term, times in Counter(term.lower() for term in terms).items():
        if times > 1:
            find("docs/DESIGN.md", 0, f"the glossary says '{term}' {times} times")
    code = "\n".join(read(path) for path in files("Sources/*.swift")).lower()
    squeezed = re.sub(r"[^a-z]", "", code)
    for term in terms:
        for part in re.split(r",| or |/", re.sub(r"\(.*?\)", "", term)):
            if re.sub(r"[^a-z]", "", part.lower()) not in squeezed:
                find("docs/DESIGN.md", 0, f"'{part.strip()}' of the glossary is nowhere in Sources")


def swift_sources():
    return {path: strip(read(path)) for path in files("Sources/*.swift", "Tests/*.swift", "Benchmarks/*.swift")
            if "/Generated/" not in path}


def module(path):
    parts = path.split("/")
    if parts[0] == "Benchmarks":
        return "backhaul-micro"
    names = {
        "BackhaulReceiver": "backhaul-receiver", "BackhaulFuzz": "backhaul-fuzz",
        "BackhaulSimulator": "backhaul-simulator"}
    return names.get(parts[1], parts[1])


def dead_code(sources):
    """Nothing is declared that no other line names."""
    tokens = Counter()
    for source in sources.values():
        tokens.update(re.findall(r"\w+", source))
    declared = re.compile(r"^\s*((?:@\w+(?:\([^)]*\))?\s+)*(?:(?:package|private|static|final|mutating|nonisolated|"
                          r"internal|fileprivate|lazy)\s+)*)(?:func|var|let)\s+`?(\w+)", re.M)
    for path, source in sources.items():
        if not path.startswith("Sources/"):
            continue
        for match in declared.finditer(source):
            before, name = match.groups()
            if "@" in before or name.startswith("_") or name in WITNESSES or tokens[name] > 1:
                continue
            find(path, source[:match.start(2)].count("\n") + 1, f"'{name}' is not used")


def imports(sources):
    """Each import of one of our modules is used; Package.swift allows what is imported, and nothing else."""
    exported = defaultdict(set)
    declared = re.compile(r"\bpackage\s+(?:[a-z]+(?:\([a-z]+\))?\s+)*?(?:func|var|let|struct|class|enum|actor|protocol|"
                          r"typealias)\s+`?(\w+)")
    member = re.compile(r"\bcase\s+([^:{=\n]+)$|\b(?:func|var|let|init|extension)\s+`?(\w+)", re.M)
    for path, source in sources.items():
        names = exported[module(path)]
        names.update(declared.findall(source))
        for cases, name in member.findall(source):
            names.update(re.findall(r"\w+", cases))
            names.add(name)
    operators = {module(path) for path, source in sources.items() if re.search(r"\bpackage static func [-+*/<]", source)}
    manifest = read("Package.swift")
    imported = defaultdict(set)
    line_of = re.compile(r"^(?:@\w+ )?(?:package |internal |public )?import (?:struct |enum |class |func )?(\w+)", re.M)
    for path, source in sources.items():
        used = set(re.findall(r"\w+", line_of.sub("", source)))
        for match in line_of.finditer(source):
            name = match.group(1)
            imported[module(path)].add(name)
            # An operator that a module declares has no name to look for.
            if name in exported and name not in operators and not used & exported[name]:
                find(path, source[:match.start()].count("\n") + 1, f"import of {name} is not used")
    target = re.compile(
        r'\b(?:room|kit|tests|executableTarget|target)\(\s*(?:name: )?"([\w-]+)",?\s*(?:dependencies: )?\[([^\]]*)\]', re.S)
    for name, list_ in target.findall(manifest[manifest.index("targets: ["):]):
        allowed = {item for item in re.findall(r'"(\w+)"', list_) if item in exported}
        for item in sorted(allowed - imported[name]):
            if not (name == "CommandTests" and item == "backhaul"):
                find("Package.swift", 0, f"{name} may import {item} and does not")


def metrics():
    """docs/METRICS.md has every metric of the code, and no other."""
    code = {name for path in files("Sources/*.swift") for name in re.findall(r'"(backhaul_[a-z_]+)"', read(path))}
    page = set(re.findall(r"^\| `(backhaul_[a-z_]+)`", read("docs/METRICS.md"), re.M))
    for name in sorted(code ^ page):
        find("docs/METRICS.md", 0, f"{name} is missing" if name in code else f"{name} is not in the code")


def links():
    """Relative links of pages lead to files and headings that are there."""
    def anchors(path):
        headings = re.findall(r"^#+ (.*)$", read(path), re.M)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for path in files("*.md"):
        text = re.sub(r"^```.*?^```", "", read(path), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            to = (ROOT / path).parent / name if name else ROOT / path
            if not to.exists():
                find(path, 0, f"the link {target} leads nowhere")
            elif anchor and to.suffix == ".md" and anchor not in anchors(to.resolve().relative_to(ROOT)):
                find(path, 0, f"the link {target} names no heading")


def commits():
    """Subjects are `room: what changes`, within 72 characters."""
    known = subprocess.run(["git", "cat-file", "-e", FIRST_CHECKED], cwd=ROOT, capture_output=True).returncode == 0
    log = subprocess.run(
        ["git", "log", "--no-merges", "--format=%h %s", *([f"{FIRST_CHECKED}..HEAD"] if known else ["-1"])], cwd=ROOT,
        capture_output=True, text=True)
    for line in log.stdout.splitlines():
        commit, _, subject = line.partition(" ")
        if len(subject) > 72:
            find(f"commit {commit}", 0, f"subject of {len(subject)} characters, at most 72")
        if not re.match(r"[a-z][\w ,/-]*: \S", subject):
            find(f"commit {commit}", 0, "subject is not 'room: what changes'")


def security():
    """Every test that SECURITY.md names beside its sentences exists."""
    tests = "\n".join(read(path) for path in files("Tests/*.swift"))
    for number, line in enumerate(read("SECURITY.md").split("\n"), 1):
        for name in re.findall(r"`(\w+)`", line):
            is_list = line.startswith("Tests: ") or re.fullmatch(r"(`\w+`,? ?)+\.?", line)
            if is_list and not re.search(rf"\bfunc {name}\b", tests):
                find("SECURITY.md", number, f"there is no test '{name}'")


def main():
    sources = swift_sources()
    rules = [widths, names, words, identifiers, glossary, lambda: dead_code(sources), lambda: imports(sources), metrics,
             links, security, commits]
    if "--rules" in sys.argv:
        for rule in (widths, names, words, identifiers, glossary, dead_code, imports, metrics, links, security, commits):
            print(f"{rule.__name__}: {rule.__doc__}")
        return 0
    for rule in rules:
        rule()
    for finding in findings:
        print(finding)
    if findings:
        print(f"lint: {len(findings)} findings; CONTRIBUTING.md says what the rules are for", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
