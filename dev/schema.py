"""What is generated: the chart's values.schema.json, and the reference pages of the values, of a session's settings and of all rights.

    python -m dev.schema            writes the files
    python -m dev.schema --check    fails if one is not what its source says

The source of the values is values.schema.yaml (JSON Schema with descriptions); defaults come from values.yaml.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dev import rights_page, settings_page

ROOT = Path(__file__).parent.parent
CHART = ROOT / "charts" / "spark-notebooks"
SCHEMA = CHART / "values.schema.json"
REFERENCE = ROOT / "docs" / "admins" / "values.md"

INTRODUCTION = """\
# Values of the chart

<!-- Made by `python -m dev.schema` from charts/spark-notebooks/values.schema.yaml and values.yaml: change those. -->

Give your own values to Helm in a file of the same shape as `charts/spark-notebooks/values.yaml`:

    helm upgrade --install notebooks charts/spark-notebooks --namespace notebooks --create-namespace --values my-values.yaml

Helm refuses keys that are not listed here, values of another kind, and values that contradict each other, before anything
is changed. Values of the same meaning as in zero-to-jupyterhub have the same names.
"""

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """A documented value: its path from the root, its schema with references resolved, and whether keys of its own follow."""

    path: tuple[str, ...]
    schema: Schema
    branch: bool

    @property
    def name(self) -> str:
        return ".".join(self.path)


def resolve(schema: Schema, root: Schema) -> Schema:
    """The schema with its `$ref` to a definition of root replaced; its own keywords win."""
    if "$ref" not in schema:
        return schema
    definition = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return {**resolve(definition, root), **{keyword: value for keyword, value in schema.items() if keyword != "$ref"}}


def documented_keys(root: Schema) -> list[Key]:
    """Every key with a description, in the order of the source. What lies below a key without described keys is Kubernetes' own."""

    return list(_below((), root, root))


def _below(path: tuple[str, ...], schema: Schema, root: Schema) -> Iterator[Key]:
    for name, reference in schema.get("properties", {}).items():
        child = resolve(reference, root)
        if "description" in child:
            further = list(_below((*path, name), child, root))
            yield Key((*path, name), child, branch=bool(further))
            yield from further


def entry_keys(key: Key, root: Schema) -> list[Key]:
    """The keys of each entry of a map whose keys are the administrator's, in which the entry is called NAME, or of a list; none where they are not described."""
    entries = key.schema.get("patternProperties", {}).values()
    found = [each for entry in entries for each in _below((*key.path, "NAME"), resolve(entry, root), root)]
    if key.schema.get("type") != "array":
        return found
    *above, last = key.path
    return list(_below((*above, f"{last}[]"), resolve(key.schema["items"], root), root))


def kind(schema: Schema, root: Schema) -> str:
    """What a value may be, in words: "one of `a`, `b`", "text or `null`", "list"."""
    schema = resolve(schema, root)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind(choice, root) for choice in schema["anyOf"])
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "`true` or `false`",
        "array": "list",
        "object": "map",
        "null": "`null`",
    }
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(words[name] for name in types)


def default(path: tuple[str, ...], defaults: Mapping[str, Any]) -> Any:
    value: Any = defaults
    for name in path:
        value = value[name]
    return value


def reference_page(root: Schema, defaults: Mapping[str, Any]) -> str:
    """The reference page in Markdown: a chapter for each key of the root, a section for each value."""
    parts = [INTRODUCTION]
    for key in documented_keys(root):
        level = "##" if len(key.path) == 1 else "###"
        lines = [f"{level} {key.name}"]
        if not key.branch:
            lines += ["", f"{kind(key.schema, root)}, default `{json.dumps(default(key.path, defaults))}`"]
        parts.append("\n".join([*lines, "", key.schema["description"].strip(), ""]))
        parts += [_entry_part(entry, root) for entry in entry_keys(key, root)]
    return "\n".join(parts)


def _entry_part(key: Key, root: Schema) -> str:
    lines = [f"#### {key.name}"]
    if not key.branch:
        given = f"default `{json.dumps(key.schema['default'])}`" if "default" in key.schema else "must be set"
        lines += ["", f"{kind(key.schema, root)}, {given}"]
    return "\n".join([*lines, "", key.schema["description"].strip(), ""])


def load() -> tuple[Schema, Mapping[str, Any]]:
    """The documented schema and the defaults."""
    schema, defaults = (yaml.safe_load((CHART / name).read_text()) for name in ("values.schema.yaml", "values.yaml"))
    return schema, defaults


def outputs() -> dict[Path, str]:
    """The generated files and what they should say."""
    root, defaults = load()
    return {
        SCHEMA: json.dumps(root, indent=2) + "\n",
        REFERENCE: reference_page(root, defaults),
        settings_page.PAGE: settings_page.page(),
        rights_page.PAGE: rights_page.page(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Makes values.schema.json and the reference pages of the chart's values, of a session's settings and of all rights."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not up to date")
    arguments = parser.parse_args()
    stale = {path: text for path, text in outputs().items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        name = path.relative_to(ROOT)
        if arguments.check:
            print(f"{name} is not what its source says. Run: python -m dev.schema", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {name}")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
