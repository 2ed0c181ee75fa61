"""Proof that a process that calls the driver is one of its executors, and secrecy of what they tell each other."""

from __future__ import annotations

from spark_session.context import Context, default, detected
from spark_session.settings import Settings


def authentication(context: Context) -> Settings:
    """Driver and executors know each other by the workspace's secret; without one any pod that reaches the driver could run code in it.

    The secret is a file, mounted from the workspace's Secret into both. Where there is none (an older hub), Spark makes a secret for the
    session and hands it to executors in their pod spec, which everyone who may read pods of the workspace can read.
    """
    workspace = context.environment.workspace
    if workspace is None:
        return {}
    settings = {"spark.authenticate": default("true")}
    if workspace.secret_file is not None:
        # Not secret.driver.file and secret.executor.file, which replace this one each on its side: Spark 4.3 does not look at the
        # latter when an executor asks the driver for its settings. The entrypoint of executors has another part of this.
        settings["spark.authenticate.secret.file"] = detected(str(workspace.secret_file))
    return settings


def encryption(context: Context) -> Settings:
    """What the administrator wants encrypted: the traffic between driver and executors, and what they spill to disk."""
    defaults = context.defaults
    settings: Settings = {}
    if context.environment.workspace is not None and defaults.network_encryption:
        settings["spark.network.crypto.enabled"] = context.configured("network_encryption", "true")
        # The older protocol would be taken by a peer that knows no other.
        settings["spark.network.crypto.saslFallback"] = default("false")
    if defaults.spill_encryption:
        settings["spark.io.encryption.enabled"] = context.configured("spill_encryption", "true")
    return settings
