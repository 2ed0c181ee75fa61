"""The driver JVM of this process, as far as others ask after it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def loaded_context() -> Any:
    """PySpark's class `SparkContext`; None while PySpark is not loaded, and so has neither a session nor a JVM.

    Loading it takes a good part of the time in which a JVM starts: nobody does so only to ask.
    """
    return getattr(sys.modules.get("pyspark"), "SparkContext", None)


def is_connected() -> bool:
    """Whether this process has a JVM that PySpark is connected to."""
    return getattr(loaded_context(), "_jvm", None) is not None


def exit_code() -> int | None:
    """Exit code of the JVM, negative for a signal; None while it runs, or where there is none."""
    process = getattr(getattr(loaded_context(), "_gateway", None), "proc", None)
    code: int | None = None if process is None else process.poll()
    return code


def is_stopped(spark: SparkSession) -> bool:
    """Whether the session was stopped from Python; asks no JVM."""
    return spark.sparkContext._jsc is None


def registered(spark: SparkSession) -> frozenset[str]:
    """Numbers of the executors that take tasks.

    Raises:
        Exception: the JVM ends, or the session is being stopped.
    """
    context: Any = spark.sparkContext._jsc.sc()
    return frozenset(filter(None, context.getExecutorIds().mkString(",").split(",")))


def log_refusals() -> None:
    """Let the driver's log tell of executor pods that were not made."""
    from pyspark import SparkContext

    with suppress(Exception):  # a log of another make is no reason to fail
        log4j = SparkContext._jvm.org.apache.logging.log4j
        log4j.core.config.Configurator.setLevel(
            "org.apache.spark.scheduler.cluster.k8s.ExecutorPodsAllocator", log4j.Level.WARN
        )
