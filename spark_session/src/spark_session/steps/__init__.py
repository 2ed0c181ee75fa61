"""One pure function per concern, from the facts of a session to its settings."""

from __future__ import annotations

from collections.abc import Callable

from spark_session.context import Context
from spark_session.settings import Settings
from spark_session.steps.allocation import allocation
from spark_session.steps.authentication import authentication, encryption
from spark_session.steps.committer import committer
from spark_session.steps.console import console
from spark_session.steps.decommission import decommission
from spark_session.steps.event_log import event_log
from spark_session.steps.executor_environment import executor_environment
from spark_session.steps.identity import identity
from spark_session.steps.network import network
from spark_session.steps.placement import placement
from spark_session.steps.s3 import s3
from spark_session.steps.sizing import sizing
from spark_session.steps.workspace import workspace

Step = Callable[[Context], Settings]

STEPS: tuple[Step, ...] = (
    identity,
    network,
    workspace,
    placement,
    sizing,
    allocation,
    decommission,
    authentication,
    encryption,
    s3,
    committer,
    executor_environment,
    event_log,
    console,
)
