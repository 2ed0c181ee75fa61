"""The table of what packages do not say of themselves."""

import re
import tomllib
from pathlib import Path
from typing import Final

TABLE: Final = tomllib.loads(Path(__file__).with_name("known.toml").read_text(encoding="utf-8"))
SCALA = re.compile(r"_2\.1\d(\.\d+)?$")


def licence(kind: str, name: str) -> str | None:
    """What the table says of a package, by the type of its package URL and its name without the namespace."""
    found: str | None = TABLE[kind]["licences"].get(SCALA.sub("", name))
    return found


def maven_group(artifact: str) -> str | None:
    """The group of an artifact whose jar does not say it."""
    found: str | None = TABLE["maven"]["groups"].get(SCALA.sub("", artifact))
    return found


def licence_of_parent(group: str) -> str | None:
    """What the parent pom of a Maven group says; the nearest counts."""
    parts = group.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    parents = TABLE["maven"]["parents"]
    return next((parents[name] for name in names if name in parents), None)
