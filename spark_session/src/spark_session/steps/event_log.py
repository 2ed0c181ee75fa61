"""The record of what a session did, from which the history server shows its pages once it has ended."""

from __future__ import annotations

from spark_session.context import Context, default, detected
from spark_session.settings import Settings


def event_log(context: Context) -> Settings:
    """Written to a folder of this machine, where somebody collects it; none where nobody does.

    To write it to S3 right away costs the driver three CPU-seconds at its start, makes every stop wait for S3, refuses to start a session when S3
    is away, and loses the log of a driver that is killed, because S3 has no unfinished files.
    """
    folder = context.environment.event_logs
    if folder is None or not context.defaults.event_log:
        return {}
    return {
        "spark.eventLog.enabled": context.configured("event_log", "true"),
        "spark.eventLog.dir": detected(folder.as_uri()),
        "spark.eventLog.rolling.enabled": default("true"),
        "spark.eventLog.compress": default("true"),
    }
