"""What becomes of the blocks of an executor that is asked to go."""

from __future__ import annotations

from spark_session.context import Context, default, detected
from spark_session.settings import Settings, Source, Value

SCRIPT = "/opt/spark-notebooks/bin/decommission"
FALLBACK_FOLDER = ".spark-notebooks/shuffle/"
OFTEN = "5s"
"""Spark looks every 30 s for what has come meanwhile, which may be all the notice that there is."""


def decommission(context: Context) -> Settings:
    """An executor that is sent away, or whose node is emptied, first hands its shuffle files and cached data on to the others.

    Without this, the tasks that made them would run again. With the administrator's `fallback_storage` shuffle files that no other executor has room for go
    to the person's place on S3, and are deleted there when the session ends.
    """
    if context.environment.workspace is None:
        return {}
    spot = context.profile is not None and context.profile.spot
    settings = {
        # Nodes that go at short notice need it, whatever holds for others.
        "spark.decommission.enabled": Value("true", Source.PROFILE) if spot else default("true"),
        "spark.storage.decommission.enabled": Value("true", Source.PROFILE) if spot else default("true"),
        # Kubernetes runs it in an executor's pod before it ends that pod.
        "spark.kubernetes.decommission.script": default(SCRIPT),
    }
    if spot:
        settings["spark.storage.decommission.replicationReattemptInterval"] = Value(OFTEN, Source.PROFILE)
    home = context.environment.s3.home
    if context.defaults.fallback_storage and home is not None:
        path = f"{home.replace('s3://', 's3a://', 1)}/{FALLBACK_FOLDER}"
        settings["spark.storage.decommission.fallbackStorage.path"] = detected(path)
        settings["spark.storage.decommission.fallbackStorage.cleanUp"] = default("true")
    return settings
