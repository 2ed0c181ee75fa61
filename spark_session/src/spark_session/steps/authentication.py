"""Proof that a process that calls the driver is one of its executors."""

from __future__ import annotations

from spark_session.context import Context, default
from spark_session.settings import Settings


def authentication(context: Context) -> Settings:
    """A secret made by Spark for this session; without it any pod that reaches the driver could run code in it.

    Spark hands the secret to executors in their pod spec, which only the workspace's owner and administrators can read.
    """
    return {} if context.environment.workspace is None else {"spark.authenticate": default("true")}
