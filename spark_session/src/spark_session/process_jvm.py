"""The one JVM of this process, made fit for each of its sessions in turn."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spark_session import driver
from spark_session.errors import SparkSessionError
from spark_session.launch import launch
from spark_session.rehearsal import read_once, rehearse
from spark_session.settings import find
from spark_session.warming import Warming

_warming = Warming()
_launched_with: Mapping[str, str] = {}
"""Settings that it was launched with, for its first session."""


def start_ahead(settings: Mapping[str, str], variables: Mapping[str, str], folder: Path) -> None:
    """Start it for a session that will most likely be asked for; see `Warming.begin`."""
    _warming.begin(settings, variables, folder)


def warm_up() -> None:
    """Let the JVM that waits do what sessions begin with; see `Warming.work`."""
    _warming.work(rehearse)


def start(settings: Mapping[str, str]) -> None:
    """Make this process's JVM fit for a session with these settings, started and connected to PySpark where there is none.

    Where PySpark has to start it itself (see `launch`), nothing is done.

    Args:
        settings: Spark settings of the session.

    Raises:
        SparkSessionError: the settings need a JVM of their own, and one runs.
        PySparkRuntimeError: the JVM ended at once (JAVA_GATEWAY_EXITED); it has said why on the standard error.
    """
    global _launched_with  # noqa: PLW0603 (a process has one JVM)
    if driver.is_connected():
        if late := _late(_launched_with, settings):
            raise SparkSessionError(
                f"{', '.join(late)} cannot change now.",
                "It takes effect when the Java process starts, and this kernel has one from its last session.",
                "Restart the kernel and call get_spark_session again.",
            )
        _clear_properties(_launched_with.keys() - settings.keys())
        return
    variables = dict(os.environ)
    ready = _warming.take(
        lambda one: (
            one.variables == variables
            and not _late(one.settings, settings)
            and read_once(one.settings) == read_once(settings)
        )
    )
    _launched_with = settings if ready is None else ready.settings
    if (started := ready or launch(settings, variables)) is not None:
        started.connect()
        _clear_properties(_launched_with.keys() - settings.keys())


def _late(launched: Mapping[str, str], settings: Mapping[str, str]) -> list[str]:
    """Settings of a session that take effect when a JVM starts, and that this one was launched without."""
    changed = {key for key in launched.keys() | settings.keys() if launched.get(key) != settings.get(key)}
    return sorted(key for key in changed if (setting := find(key)) is not None and setting.at_start)


def _clear_properties(keys: Iterable[str]) -> None:
    """spark-submit leaves the settings of the launch behind as system properties, which every later session would read."""
    from pyspark import SparkContext

    system: Any = SparkContext._jvm.java.lang.System
    for key in keys:
        system.clearProperty(key)
