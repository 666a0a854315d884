#!/usr/bin/env python3
"""Refuses a change of schemas/ that a reader of a released version could not live with.

schemas/released/VERSION.txt has what each released version could read and write, a line each:
  proto MESSAGE NUMBER NAME TYPE     a field; its number, name and type stay
  enum ENUM NUMBER NAME              a value; it stays
  json SCHEMA POINTER TYPES          a key of a JSON document; it stays, and its types may not grow fewer
  required SCHEMA POINTER            a key that is always there; it stays so
schemas/avro and schemas/sql must know all keys of a result. Fields, values and keys may be added. A field that is not used any more stays, reserved.

Usage: schemas/check.py            checks all released versions
       schemas/check.py --write V  writes schemas/released/V.txt, when V is released
"""
import json, pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parent


def protos():
    """The fields and values of all messages. protoc has read the files already; this reads what is ours in them."""
    for path in sorted((ROOT / "backhaul/v1").glob("*.proto")):
        text = re.sub(r"//[^\n]*", "", path.read_text())
        scopes = [re.search(r"\bpackage ([\w.]+);", text)[1]]
        for kind, name, label, form, field, number, end in re.findall(
                r"\b(message|enum|oneof) (\w+) \{|(repeated |optional )?([\w.]+) (\w+) = (\d+);|(\})", text):
            if kind:
                scopes.append(name if kind != "oneof" else "")
            elif end:
                scopes.pop()
            elif form:
                scope = ".".join(part for part in scopes if part)
                yield f"proto {scope} {number} {field} {'repeated ' if label == 'repeated ' else ''}{form}"
        for enum, body in re.findall(r"\benum (\w+) \{([^}]*)\}", text):
            for name, number in re.findall(r"(\w+) = (\d+);", body):
                yield f"enum {enum} {number} {name}"


def documents():
    for path in sorted((ROOT / "json").glob("*.v1.schema.json")):
        if path.name.startswith("config."):
            continue  # Read by people's editors alone.
        schema = json.loads(path.read_text())
        yield from keys(schema, schema, path.name.split(".")[0], "")


def keys(schema, root, name, pointer):
    for key, value in schema.get("properties", {}).items():
        place = f"{pointer}/{key}"
        yield f"json {name} {place} {','.join(sorted(types(value, root)))}"
        if key in schema.get("required", []):
            yield f"required {name} {place}"
        for part in [value, value.get("items", {}), *value.get("oneOf", []), *value.get("anyOf", [])]:
            target = resolve(part, root)
            if "properties" in target:
                yield from keys(target, root, name, place)


def resolve(schema, root):
    while "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema


def types(schema, root):
    schema = resolve(schema, root)
    found = set()
    if "type" in schema:
        found |= {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    elif "enum" in schema or "const" in schema:
        for value in schema.get("enum", [schema.get("const")]):
            found.add("null" if value is None else "string" if isinstance(value, str) else "number")
    for part in [*schema.get("oneOf", []), *schema.get("anyOf", [])]:
        found |= types(part, root)
    return found


def problems(released, now):
    facts = set(now)
    jsons = {tuple(line.split(" ")[1:3]): set(line.split(" ")[3].split(",")) for line in now if line.startswith("json ")}
    for line in released:
        if line in facts:
            continue
        kind, *rest = line.split(" ")
        if kind == "json":
            was, is_now = set(rest[2].split(",")), jsons.get((rest[0], rest[1]))
            if is_now is None:
                yield f"{rest[0]}: the key {rest[1]} is gone"
            elif not was <= is_now:
                yield f"{rest[0]}: {rest[1]} cannot be {', '.join(sorted(was - is_now))} any more"
        elif kind == "required":
            yield f"{rest[0]}: {rest[1]} is not always there any more"
        else:
            yield f"{line}: it is gone, or another"


def avro():
    """What the Avro schema of a result lacks, or has too much; and keys that SQL does not know."""
    keys = set(json.loads((ROOT / "json/result.v1.schema.json").read_text())["properties"])
    fields = json.loads((ROOT / "avro/result.v1.avsc").read_text())["fields"]
    for key in sorted(keys ^ {field["name"] for field in fields}):
        yield f"avro/result.v1.avsc: '{key}' is in one of it and the JSON Schema alone"
    columns = (ROOT / "sql/results.sql").read_text()
    for key in sorted(keys):
        if not re.search(rf'\b"?{key}"?: ', columns):
            yield f"sql/results.sql: there is no column '{key}'"


def main():
    now = [*protos(), *documents()]
    folder = ROOT / "released"
    if len(sys.argv) == 3 and sys.argv[1] == "--write":
        folder.mkdir(exist_ok=True)
        (folder / f"{sys.argv[2]}.txt").write_text("\n".join(now) + "\n")
        return 0
    versions = sorted(folder.glob("*.txt"))
    if not versions:
        print("schemas: schemas/released is empty", file=sys.stderr)
        return 1
    found = [f"incompatible with {path.stem}: {problem}" for path in versions for problem in problems(path.read_text().splitlines(), now)]
    found += list(avro())
    for problem in found:
        print(f"schemas: {problem}", file=sys.stderr)
    if not found:
        # The check itself is checked: it must find what is taken away.
        for line in (now[0], next(line for line in now if line.startswith("json ")),
                     next(line for line in now if line.startswith("required "))):
            assert list(problems([line], [one for one in now if one != line])), f"the check misses {line}"
        print(f"schemas: compatible with {', '.join(path.stem for path in versions)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
