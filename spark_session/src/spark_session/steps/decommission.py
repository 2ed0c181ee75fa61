"""What becomes of the blocks of an executor that is asked to go."""

from __future__ import annotations

from spark_session.context import Context, default, detected
from spark_session.settings import Settings

SCRIPT = "/opt/spark-notebooks/bin/decommission"
FALLBACK_FOLDER = ".spark-notebooks/shuffle/"


def decommission(context: Context) -> Settings:
    """An executor that is sent away, or whose node is emptied, first hands its shuffle files and cached data on to the others.

    Without this, the tasks that made them would run again. With the administrator's `fallback_storage` shuffle files that no other executor has room for go
    to the person's place on S3, and are deleted there when the session ends.
    """
    if context.environment.workspace is None:
        return {}
    settings = {
        "spark.decommission.enabled": default("true"),
        "spark.storage.decommission.enabled": default("true"),
        # Kubernetes runs it in an executor's pod before it ends that pod.
        "spark.kubernetes.decommission.script": default(SCRIPT),
    }
    home = context.environment.s3.home
    if context.defaults.fallback_storage and home is not None:
        path = f"{home.replace('s3://', 's3a://', 1)}/{FALLBACK_FOLDER}"
        settings["spark.storage.decommission.fallbackStorage.path"] = detected(path)
        settings["spark.storage.decommission.fallbackStorage.cleanUp"] = default("true")
    return settings
