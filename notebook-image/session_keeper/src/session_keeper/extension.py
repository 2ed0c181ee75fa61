"""The Jupyter server extension: looks after sessions in a thread, for as long as the server runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from jupyter_server.serverapp import ServerApp
from spark_session.executor_pods import ExecutorPods
from spark_session.kube import SERVICE_ACCOUNT, Api, url_in_pod
from traitlets import Float
from traitlets.config import LoggingConfigurable

from session_keeper.keeper import Keeper
from spark_session import records


class SessionKeeper(LoggingConfigurable):
    """Ends what is left of Spark sessions whose kernel or JVM is gone."""

    interval = Float(2.0, min=0.1, help="Seconds between two looks at the records of sessions.").tag(config=True)
    grace = Float(8.0, min=0.0, help="Seconds that a JVM has to end after its kernel; then it is killed.").tag(
        config=True
    )
    look_every = Float(
        300.0, min=1.0, help="Seconds between two looks at the executors of this pod while nothing ends."
    ).tag(config=True)

    async def run(self) -> None:
        """Looks again and again. A failure is logged, not raised, and the next look tries again."""
        keeper = Keeper(
            folder=records.folder(os.environ),
            pods=executor_pods(os.environ),
            owner=os.environ.get("POD_UID", ""),
            grace=self.grace,
            look_every=self.look_every,
            log=self.log,
        )
        said = ""
        while True:
            try:
                await asyncio.to_thread(keeper.look)
                said = ""
            except Exception as error:  # noqa: BLE001 (none may end the keeper)
                failure = f"{type(error).__name__}: {error}"
                # Once, not every two seconds for as long as the API server is away.
                if failure != said:
                    self.log.warning("Spark sessions cannot be looked after, trying again and again: %s", failure)
                said = failure
            await asyncio.sleep(self.interval)


def executor_pods(variables: Mapping[str, str]) -> ExecutorPods | None:
    """The executor pods of the workspace that this server runs in; None outside of one."""
    names = ("POD_UID", "POD_NAMESPACE", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
    if not all(variables.get(name) for name in names) or not (SERVICE_ACCOUNT / "token").is_file():
        return None
    return ExecutorPods(Api(url_in_pod(variables), variables["POD_NAMESPACE"]))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "session_keeper"}]


def _load_jupyter_server_extension(_serverapp: ServerApp) -> None:
    """Jupyter asks each extension for this function; there is nothing to do before the server has started."""


async def _start_jupyter_server_extension(serverapp: ServerApp) -> None:
    # The server waits for this function, so the work goes into a task, and the server's settings keep the task alive.
    serverapp.web_app.settings["session_keeper_task"] = asyncio.create_task(SessionKeeper(parent=serverapp).run())
