"""Environment variables of the executors."""

from __future__ import annotations

from spark_session.context import Context, detected
from spark_session.settings import Settings


def executor_environment(context: Context) -> Settings:
    """What Python code on an executor needs to find the same S3 store as the notebook; never a key."""
    if context.environment.workspace is None:
        return {}
    return {f"spark.executorEnv.{name}": detected(value) for name, value in context.environment.s3.variables.items()}
