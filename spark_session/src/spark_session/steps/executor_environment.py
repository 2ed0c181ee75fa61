"""Environment variables of the executors."""

from __future__ import annotations

from spark_session import head_start
from spark_session.context import Context, default, detected
from spark_session.settings import Settings


def executor_environment(context: Context) -> Settings:
    """What Python code on an executor needs to find the same S3 store as the notebook, never a key; and how long to let others start."""
    if context.environment.workspace is None:
        return {}
    store = {name: detected(value) for name, value in context.environment.s3.variables.items()}
    start = {name: default(value) for name, value in head_start.variables(context).items()}
    return {f"spark.executorEnv.{name}": value for name, value in (store | start).items()}
