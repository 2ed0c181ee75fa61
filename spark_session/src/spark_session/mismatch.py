"""Finds what differs between the Python of the notebook and that of its executors."""

from __future__ import annotations

import json
import platform
import site
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from spark_session.plan import Plan
from spark_session.reasons import Kind, Reason

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOST_NAMED = 8


@dataclass(frozen=True)
class Installed:
    """A Python and what is installed in it.

    Args:
        python: version of Python.
        packages: version of each package, by its name in lower case.
    """

    python: str
    packages: Mapping[str, str]


def installed() -> Installed:
    """This Python."""
    packages: dict[str, str] = {}
    for found in metadata.distributions():
        # The first one on the search path is the one that is imported.
        packages.setdefault(found.metadata["Name"].lower().replace("_", "-"), found.version)
    return Installed(platform.python_version(), packages)


def difference(notebook: Installed, executor: Installed) -> Reason | None:
    """What an executor lacks or has in another version; None where code that works here works there. Pure."""
    if _minor(notebook.python) != _minor(executor.python):
        return _python(notebook.python, executor.python)
    missing = [f"{name} {version}" for name, version in notebook.packages.items() if name not in executor.packages]
    other = [
        f"{name} ({version} here, {executor.packages[name]} there)"
        for name, version in notebook.packages.items()
        if executor.packages.get(name, version) != version
    ]
    if not missing and not other:
        return None
    parts = [
        f"{words} {_named(names)}." for words, names in (("They lack", missing), ("Other versions:", other)) if names
    ]
    return Reason(
        Kind.MISMATCH,
        "Executors don't have the same Python packages as this notebook.",
        " ".join(parts),
        "Functions that use these will fail on executors. Packages that you install in the notebook are not theirs: name them in the "
        "call, get_spark_session(packages=[...]), or ask your administrator to add them to the image.",
    )


def of_failure(message: str, notebook: Installed) -> Reason | None:
    """What a job that failed for its Python says; None where it failed for something else. Pure."""
    if "PYTHON_VERSION_MISMATCH" not in message:
        return None
    there = message.split("different version: ", 1)[-1].split(" ", 1)[0]
    return _python(notebook.python, there)


def may_differ(plan: Plan, user_site: Path) -> bool:
    """Whether executors may have another Python or other packages: another image or interpreter, or packages of one's own. Pure but for a look at a folder.

    Args:
        plan: of the session.
        user_site: where `pip install` puts packages of one's own.
    """
    chosen = ("spark.kubernetes.executor.container.image", "spark.pyspark.python", "spark.pyspark.driver.python")
    return any(key in plan.settings for key in chosen) or any(user_site.glob("*.dist-info"))


def look(spark: SparkSession, plan: Plan) -> Reason | None:
    """Compare with one executor, by a job of one task, where they may differ at all.

    Raises:
        Exception: the job fails for another reason.
    """
    if not may_differ(plan, Path(site.getusersitepackages())):
        return None
    here, context = installed(), spark.sparkContext
    context.setJobDescription("Compare the Python of an executor with the notebook's")
    try:
        [there] = context.parallelize([0], 1).map(_installed_there).collect()
    except Exception as error:
        if (reason := of_failure(str(error), here)) is not None:
            return reason
        raise
    return difference(here, Installed(**json.loads(there)))


def _installed_there(_: int) -> str:
    found = installed()
    return json.dumps({"python": found.python, "packages": dict(found.packages)})


def _python(here: str, there: str) -> Reason:
    return Reason(
        Kind.MISMATCH,
        "Executors don't have the same Python as this notebook.",
        f"Python is {here} here and {there} there, and Spark needs the same minor version.",
        "Take settings like spark.pyspark.python out of your conf=, or tell your administrator, who names the image of executors.",
    )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
