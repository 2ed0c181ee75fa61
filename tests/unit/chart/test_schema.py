"""The values, their schema and their documentation say the same."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from dev.schema import CHART, documented_keys, entry_keys, kind, load, outputs, resolve
from tests.unit.chart.matrix import MATRIX

SCHEMA, DEFAULTS = load()
# Maps whose keys are not ours.
OPEN = {"hub.config.*", "hub.templateVars", "singleuser.profileList[].kubespawner_override",
        "singleuser.profileList[].profile_options", "global"}  # fmt: skip


@pytest.mark.parametrize("path", outputs(), ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Any) -> None:
    assert path.read_text() == outputs()[path], "run: python -m dev.schema"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("values", [DEFAULTS, *MATRIX.values()], ids=["defaults", *MATRIX])
def test_good_values_fit(values: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(values)


def test_the_schema_has_the_keys_of_the_values_and_no_others() -> None:
    keys = documented_keys(SCHEMA)
    leaves = {key.path for key in keys if not key.branch}

    assert {key.path for key in keys} == set(paths(DEFAULTS, leaves))


def test_every_key_of_the_values_has_a_comment() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()

    keys = [number for number, line in enumerate(lines) if re.match(r" *[A-Za-z]+:", line)]
    assert len(keys) > 100
    for number in keys:
        indentation = re.match(" *", lines[number])
        assert indentation is not None
        assert re.match(indentation[0] + r"# \S.+", lines[number - 1]), f"{lines[number]!r} has no comment"


def test_unknown_keys_are_refused_everywhere() -> None:
    assert set(open_maps(SCHEMA, "")) == OPEN


def test_every_key_is_described_in_sentences() -> None:
    keys = documented_keys(SCHEMA)
    entries = [entry for each in keys for entry in entry_keys(each, SCHEMA)]
    assert entries
    for key in keys + entries:
        assert key.schema["description"].strip().endswith((".", "`.", ")", "}", "]")), key.name
        assert key.schema["description"][0] in "`ABCDEFGHIJKLMNOPQRSTUVWXYZ", key.name


def test_the_page_tells_kind_and_default() -> None:
    page = outputs()[CHART.parents[1] / "docs" / "admins" / "values.md"]

    assert '### hub.db.type\n\none of `sqlite-pvc`, `sqlite-memory`, `postgres`, default `"sqlite-pvc"`\n' in page
    assert "### singleuser.cpu.limit\n\nnumber or `null`, default `null`\n" in page


def test_the_page_tells_what_the_entries_of_a_map_hold() -> None:
    page = outputs()[CHART.parents[1] / "docs" / "admins" / "values.md"]

    assert "#### workspace.profiles.NAME.description\n\ntext, must be set\n" in page
    assert "#### workspace.profiles.NAME.spot\n\n`true` or `false`, default `false`\n" in page
    assert "#### workspace.profiles.NAME.node.reserved.cpu\n\ntext or number, default `0`\n" in page


def test_kinds_in_words() -> None:
    assert kind({"type": ["string", "null"]}, SCHEMA) == "text or `null`"
    assert kind({"anyOf": [{"$ref": "#/$defs/heap"}, {"type": "null"}]}, SCHEMA) == "text or `null`"
    assert kind({"enum": ["a", None]}, SCHEMA) == "one of `a`, `null`"


def paths(
    values: dict[str, Any], leaves: set[tuple[str, ...]], above: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The paths of all keys, as deep as the schema documents them."""
    for key, value in values.items():
        yield (*above, key)
        if isinstance(value, dict) and (*above, key) not in leaves:
            yield from paths(value, leaves, (*above, key))


def open_maps(schema: Any, path: str) -> Iterator[str]:
    """The paths of maps that take any key with any value."""
    schema = resolve(schema, SCHEMA)
    if schema.get("type") == "object" and schema.get("additionalProperties", True) is True:
        yield path
    for name, child in schema.get("properties", {}).items():
        yield from open_maps(child, f"{path}.{name}".lstrip("."))
    for child in schema.get("patternProperties", {}).values():
        yield from open_maps(child, f"{path}.*")
    for child in schema.get("anyOf", []):
        yield from open_maps(child, path)
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(schema.get(key), dict):
            yield from open_maps(schema[key], path + suffix)
