"""Jars in the driver's JVM: added to the class loader that Spark's own launcher adds them to, so that a kernel needs no restart."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from spark_session.errors import SparkSessionError, show
from spark_session.packages.items import Item

_loaded: WeakKeyDictionary[Any, dict[str, tuple[str, str]]] = WeakKeyDictionary()
"""Name and content of the jars that a JVM has loaded, by what they are."""


def artifact(name: str) -> str:
    """What a jar is, from its file's name without the version: two versions of it cannot be in one JVM. Pure."""
    return re.sub(r"-\d.*\.jar$|\.jar$", "", name)


def check(item: Item, jar: Path) -> None:
    """Refuse a file that is a jar by its name only.

    Raises:
        SparkSessionError: it is.
    """
    if not zipfile.is_zipfile(jar):
        raise SparkSessionError(
            f"{show(item.text)} is broken.", "It cannot be read as a jar.", "Copy or build it again."
        )


def check_loaded(jvm: Any, jars: Iterable[Path]) -> None:
    """Refuse jars of which the JVM has loaded others: it could not let go of them.

    Raises:
        SparkSessionError: one is.
    """
    loaded = _loaded.get(jvm, {})
    for jar in jars:
        name, digest = loaded.get(artifact(jar.name), ("", ""))
        if digest and digest != _digest(jar):
            raise SparkSessionError(
                f"{jar.name} cannot be used in this kernel.",
                f"Its Java process has loaded {name if name != jar.name else 'another file of that name'} for an earlier session.",
                "Restart the kernel.",
            )


def load(jvm: Any, jars: Iterable[Path]) -> None:
    """Add jars to a JVM; those that it has already are left."""
    for jar in jars:
        loaded = _loaded.setdefault(jvm, {})
        if artifact(jar.name) not in loaded:
            loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
            loader.addURL(jvm.java.net.URI(jar.as_uri()).toURL())
            loaded[artifact(jar.name)] = (jar.name, _digest(jar))


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
