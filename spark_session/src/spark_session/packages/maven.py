"""Maven coordinates: looked up by the Ivy that Spark brings along, in the driver's JVM, before a session is made of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from spark_session.errors import SparkSessionError
from spark_session.settings import Settings, text_of

CENTRAL = "Maven Central"
"""Ivy knows where that is."""

CONNECT_MILLISECONDS = 15_000
READ_MILLISECONDS = 120_000


def repositories(configured: Sequence[str], settings: Settings) -> list[str]:
    """Where coordinates are looked up, in this order: the administrator's places, or Maven Central, and those of the call. Pure."""
    more = text_of(settings, "spark.jars.repositories").split(",")
    return [*(configured or [CENTRAL]), *filter(None, more)]


def ivy_settings(places: Sequence[str], cache: Path) -> str:
    """Settings of Ivy: these repositories, which are given up on where they do not answer. Pure."""
    root = ElementTree.Element("ivysettings")
    ElementTree.SubElement(root, "settings", defaultResolver="all")
    ElementTree.SubElement(root, "caches", defaultCacheDir=str(cache))
    patience = ElementTree.SubElement(root, "timeout-constraints")
    ElementTree.SubElement(
        patience,
        "timeout-constraint",
        name="patience",
        connectionTimeout=str(CONNECT_MILLISECONDS),
        readTimeout=str(READ_MILLISECONDS),
    )
    resolvers = ElementTree.SubElement(root, "resolvers")
    chain = ElementTree.SubElement(resolvers, "chain", name="all", returnFirst="true")
    for number, place in enumerate(places):
        ElementTree.SubElement(
            chain,
            "ibiblio",
            {} if place == CENTRAL else {"root": place.rstrip("/") + "/"},
            name=f"repository-{number}",
            m2compatible="true",
            usepoms="true",
            timeoutConstraint="patience",
        )
    return ElementTree.tostring(root, encoding="unicode")


def resolve(jvm: Any, coordinates: Sequence[str], places: Sequence[str], settings: Settings, work: Path) -> list[Path]:
    """The jars of these coordinates and of all that they need, in Ivy's cache.

    Args:
        jvm: PySpark's view of the driver's JVM.
        coordinates: group:artifact:version.
        places: addresses of Maven repositories.
        settings: of the session: spark.jars.ivy, spark.jars.ivySettings and spark.jars.excludes have their ordinary meaning.
        work: an empty folder.

    Raises:
        SparkSessionError: one is missing, or no repository answers.
    """
    from py4j.protocol import Py4JJavaError

    cache = text_of(settings, "spark.jars.ivy") or str(Path.home() / ".ivy2")
    file = text_of(settings, "spark.jars.ivySettings", str(work / "ivysettings.xml"))
    if "spark.jars.ivySettings" not in settings:
        Path(file).write_text(ivy_settings(places, Path(cache) / "cache"), encoding="utf-8")
    said = jvm.java.io.ByteArrayOutputStream()
    system, stream = jvm.java.lang.System, jvm.java.io.PrintStream(said)
    out, err = system.out, system.err
    utilities, option, empty = jvm.org.apache.spark.util.MavenUtils, jvm.scala.Option, jvm.scala.Option.empty()
    try:
        # Ivy talks to the standard outputs, too, which are a script's own.
        system.setOut(stream)
        system.setErr(stream)
        ivy = utilities.loadIvySettings(file, empty, option.apply(cache), stream)
        excludes = filter(None, text_of(settings, "spark.jars.excludes").split(","))
        excluded = jvm.PythonUtils.toSeq([name.strip() for name in excludes])
        found = utilities.resolveMavenCoordinates(",".join(coordinates), ivy, empty, True, excluded, False, stream)
        return [Path(path) for path in found.mkString("\n").splitlines()]
    except Py4JJavaError as error:
        raise failure(f"{said.toString()}\n{error.java_exception.getMessage()}", coordinates, places) from error
    finally:
        system.setOut(out)
        system.setErr(err)


def failure(said: str, coordinates: Sequence[str], places: Sequence[str]) -> SparkSessionError:
    """What Ivy said when it gave up, as an error for people. Pure."""
    missing = list(
        dict.fromkeys(re.findall(r"unresolved dependency: ([^\s#]+)#([^\s;]+);([^\s:\]]+): not found", said))
    )
    where = ", ".join(places)
    if unreachable := re.search(r"UnknownHostException|ConnectException|[Tt]imed? ?out|SSLHandshakeException", said):
        return SparkSessionError(
            f"{', '.join(coordinates)} cannot be looked up.",
            f"{where} does not answer from here ({unreachable[0]}).",
            'Ask your administrator which Maven repository can be reached, or give the jars: packages=["s3://.../x.jar"].',
        )
    if missing:
        names = [":".join(parts) for parts in missing]
        return SparkSessionError(
            f"There is no {', '.join(names)}.",
            f"{where} has none of that name and version"
            + ("." if set(names) <= set(coordinates) else f", which {', '.join(coordinates)} needs."),
            "Check group, artifact and version; artifacts for Spark end with _2.13.",
        )
    words = " ".join(said.split())[-300:]
    return SparkSessionError(
        f"{', '.join(coordinates)} cannot be had.", f"Ivy says: {words.rstrip('.')}.", "Check what it names."
    )
