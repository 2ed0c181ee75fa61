"""A JVM that ended by itself: PySpark holds it in its classes, and would go on asking it."""

from __future__ import annotations

from contextlib import suppress

from spark_session.crashes import driver_ended


def what_was_lost(code: int) -> str:
    """What a researcher is told when a new session takes the place of one whose JVM ended with this code."""
    reason = driver_ended(code)
    return (
        f"{reason.what} {reason.why} A new session takes its place. Lost are its DataFrames, cached data, temporary views, functions made with "
        f"udf() and running queries: make them again. What is in Python and on S3 is as it was. {reason.fix}"
    )


def forget_jvm() -> None:
    """Clear what PySpark holds of a JVM that has ended, so that the next session starts another one.

    PySpark itself clears this only in `SparkSession.stop`, which asks the JVM, and keeps the JVM's gateway for the life of the process.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession, SQLContext

    with SparkContext._lock:
        context, gateway = SparkContext._active_spark_context, SparkContext._gateway
        if context is not None:
            context._jsc = None
            server, context._accumulatorServer = getattr(context, "_accumulatorServer", None), None
            if server is not None:
                server.shutdown()
                server.server_close()
        SparkContext._active_spark_context = None
        SparkContext._gateway = SparkContext._jvm = None
        SparkSession._instantiatedSession = SparkSession._activeSession = None
        SQLContext._instantiatedContext = None
    if gateway is not None:
        # Nobody answers at the other end; what is closed is this end.
        with suppress(Exception):
            gateway.shutdown()
        with suppress(Exception):
            gateway.proc.stdin.close()
