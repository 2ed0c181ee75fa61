"""On which nodes executors run, and how long they have for their end."""

from __future__ import annotations

from spark_session.context import Context
from spark_session.settings import Settings, Source, Value


def placement(context: Context) -> Settings:
    """What the profile says and Spark has settings for; the rest is in the pod template.

    Raises:
        SparkSessionError: the profile is not among those that the person may use.
    """
    profile = context.profile
    if profile is None or context.environment.workspace is None:
        return {}
    settings = {
        f"spark.kubernetes.executor.node.selector.{label}": Value(value, Source.PROFILE)
        for label, value in profile.node_selector.items()
    }
    if profile.grace_seconds is not None:
        text = f"{profile.grace_seconds}s"
        settings["spark.kubernetes.executor.terminationGracePeriodSeconds"] = Value(text, Source.PROFILE)
        if profile.spot:
            settings["spark.executor.decommission.killInterval"] = Value(text, Source.PROFILE)
    return settings
