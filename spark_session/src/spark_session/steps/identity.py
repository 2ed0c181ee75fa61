"""Name of the session and of its pods."""

from __future__ import annotations

from spark_session.context import Context, detected
from spark_session.settings import Settings, Source, Value


def identity(context: Context) -> Settings:
    """The session's name, and pod names that no other session of the workspace has."""
    named = Value(context.name, Source.USER) if context.request.name else detected(context.name)
    settings = {"spark.app.name": named}
    if context.environment.workspace is not None:
        prefix = f"{context.slug}-{context.session_id}"
        settings["spark.kubernetes.executor.podNamePrefix"] = Value(prefix, named.source)
    return settings
