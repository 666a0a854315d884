"""The report: JSON with every run, Markdown with a table for each row."""
import json


class Row:
    """The findings of a row. Filled while it runs, so that a failure keeps the measurements before it."""

    def __init__(self, name):
        self.name, self.title = name, name
        self.state, self.why, self.seconds = "running", None, 0.0
        self.tables, self.bars, self.notes, self.runs = [], [], [], {}

    def table(self, columns, lines, caption=None):
        self.tables.append({
            "caption": caption, "columns": columns, "lines": [[str(cell) for cell in line] for line in lines]})

    def bar(self, what, measured, wanted, met):
        """A bar of docs/CONTRACTS.md, or one derived from it. `measured` and `wanted` are texts with units."""
        self.bars.append({"what": what, "measured": measured, "wanted": wanted, "met": bool(met)})

    def note(self, text):
        self.notes.append(text)

    def kept(self):
        return {"row": self.name, "title": self.title, "state": self.state, "why": self.why,
                "seconds": round(self.seconds, 1), "bars": self.bars, "tables": self.tables, "notes": self.notes,
                "runs": self.runs}


def _table(columns, lines):
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns),
            *("| " + " | ".join(line) + " |" for line in lines), ""]


def _bars(pairs):
    return _table(["row", "bar", "measured", "target", ""], [
        [name, bar["what"], bar["measured"], bar["wanted"], "met" if bar["met"] else "**missed**"] for name, bar in pairs])


def markdown(facts, rows):
    lines = [f"- {name}: {text}" for name, text in facts.items()] + [""]
    bars = [(row.name, bar) for row in rows for bar in row.bars]
    if bars:
        lines += ["### Bars", "", *_bars(bars)]
    for row in rows:
        lines += [f"### {row.title} (`{row.name}`)", ""]
        if row.state != "done":
            # The first lines are enough; the rest is in the JSON.
            first = " ".join((row.why or "").split("\n")[:2])[:300]
            lines += [f"**{row.state}: {first}**", ""]
        for table in row.tables:
            if table["caption"]:
                lines += [table["caption"] + ":", ""]
            lines += _table(table["columns"], table["lines"])
        for note in row.notes:
            lines.append(f"- {note}")
        if row.notes:
            lines.append("")
    return "\n".join(lines)


def write(folder, name, facts, options, rows):
    """Writes the report. Called after each row, so that an interruption loses only one row."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"facts": facts, "options": options, "rows": [row.kept() for row in rows]}
    (folder / f"{name}.json").write_text(json.dumps(kept, indent=2, default=str) + "\n")
    (folder / f"{name}.md").write_text(markdown(facts, rows))
