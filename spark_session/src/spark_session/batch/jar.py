"""An application of the JVM as a job, checked before anything is started: its main class, and what it brings along. Pure."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from spark_session.batch.source import Source
from spark_session.errors import SparkSessionError, show
from spark_session.packages.items import Kind, package_kind, parse_packages

_MANIFEST = "META-INF/MANIFEST.MF"
_VERSIONS = "META-INF/versions/"
_CLASS = ".class"
_EXAMPLE = "spark-session submit app.jar --class com.example.Main"


@dataclass(frozen=True)
class Along:
    """What an application brings along.

    Args:
        jars: files.
        coordinates: group:artifact:version of what is fetched by them when the job starts.
    """

    jars: tuple[Source, ...] = ()
    coordinates: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """What people call all of it; empty for nothing."""
        return ", ".join([*(jar.name for jar in self.jars), *self.coordinates])


NOTHING = Along()


def bring(packages: str | Sequence[str], find: Callable[[str], Source]) -> Along:
    """What `packages=` of an application names.

    Args:
        packages: jars (on the disk, beside the notebook, or on S3) and Maven coordinates.
        find: reads a jar by what it is called.

    Raises:
        SparkSessionError: an entry is neither, or is not there.
    """
    jars: list[Source] = []
    coordinates: list[str] = []
    for text in parse_packages(packages):
        kind = package_kind(text)
        if kind is Kind.JAR:
            jars.append(find(f"s3://{text.removeprefix('s3a://')}" if text.startswith("s3a://") else text))
        elif kind is Kind.MAVEN:
            coordinates.append(text)
        else:
            raise SparkSessionError(
                f"An application of the JVM cannot use {show(text)}.",
                "It is a Python package by its form, and a jar brings along jars and Maven coordinates.",
                "A jar's name ends in .jar; Maven coordinates are group:artifact:version.",
            )
    return Along(tuple(jars), tuple(coordinates))


def check(application: Source, main_class: str | None, along: Along) -> str:
    """The class that is run: the one that is asked for, or the one that the jar's manifest names.

    Args:
        application: the jar.
        main_class: as it is asked for; None where nothing is said.
        along: what it brings along.

    Raises:
        SparkSessionError: none of the jars is that of a class that could be run, or two of them could not stand beside each other.
    """
    jars = [application, *along.jars]
    _check_names(jars)
    found = [_Jar.read(jar) for jar in jars]
    wanted = main_class or found[0].main_class
    if not wanted:
        raise SparkSessionError(
            f"It is not known which class of {show(application.name)} is to be run.",
            "No class was named, and its manifest has no Main-Class.",
            f"Name it: {_EXAMPLE}.",
        )
    classes = {name for jar in found for name in jar.classes}
    if wanted not in classes:
        near = _near(wanted, classes)
        said = "" if main_class else ", which its manifest names as Main-Class"
        raise SparkSessionError(
            f"There is no class {show(wanted)}{said}.",
            f"It is not in {', '.join(jar.name for jar in jars)}.",
            f"Did you mean {near}?" if near else "Give its full name, with its package, and build the jar with it.",
        )
    return wanted


def safe_name(name: str) -> str:
    """The name of a jar without letters that mean something to Spark, to whom jars are addresses in a list."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(name).stem).lstrip(".-")
    return f"{stem or 'application'}.jar"


def written(along: Along, digest: Callable[[bytes], str]) -> str:
    """What an application brings along, as one argument of the process that runs it. The content of files is named by its digest."""
    jars = [[digest(jar.content), jar.name] for jar in along.jars]
    return json.dumps({"jars": jars, "packages": along.coordinates})


def as_written(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Digest and name of each jar, and the coordinates, of what `written` wrote."""
    found: Mapping[str, list[list[str]]] = json.loads(text)
    return [(digest, name) for digest, name in found["jars"]], [str(each) for each in found["packages"]]


@dataclass(frozen=True)
class _Jar:
    main_class: str | None
    classes: frozenset[str]

    @classmethod
    def read(cls, source: Source) -> _Jar:
        try:
            with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
                names = archive.namelist()
                manifest = archive.read(_MANIFEST) if _MANIFEST in names else b""
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
            raise SparkSessionError(
                f"{show(source.name)} is broken.",
                f"A jar is a zip archive, and this file ({len(source.content)} bytes) cannot be read as one ({error}).",
                "Copy or build it again.",
            ) from error
        return cls(_main_attributes(manifest).get("main-class") or None, frozenset(_classes(names)))


def _classes(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        path = name
        if path.startswith(_VERSIONS):  # what newer JVMs take instead
            path = path.removeprefix(_VERSIONS).partition("/")[2]
        if path.endswith(_CLASS):
            yield path.removesuffix(_CLASS).replace("/", ".")


def _main_attributes(manifest: bytes) -> dict[str, str]:
    """The first section of a manifest, by names in lower case. A line of it has 72 bytes at most, and goes on in the next after a space."""
    lines = manifest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n ", b"").split(b"\n")
    found: dict[str, str] = {}
    for line in lines:
        if not line:
            break
        name, _, value = line.decode(errors="replace").partition(":")
        found[name.strip().lower()] = value.strip()
    return found


def _near(wanted: str, classes: Iterable[str]) -> str | None:
    """The class that is most likely meant: of the same name in another package, or of one like it."""
    outer = sorted(name for name in classes if "$" not in name)
    last = wanted.rpartition(".")[2]
    same = [name for name in outer if name.rpartition(".")[2] == last]
    found = same if len(same) == 1 else get_close_matches(wanted, outer, 1)
    return found[0] if found else None


def _check_names(jars: Sequence[Source]) -> None:
    """Executors are given jars by their names."""
    known: dict[str, bytes] = {}
    for jar in jars:
        name = safe_name(jar.name)
        if known.setdefault(name, jar.content) != jar.content:
            raise SparkSessionError(
                f"There are two jars of the name {show(name)}.",
                "Executors are given jars by their names, and would get one of them only.",
                "Leave one of them out, or give it another name.",
            )
