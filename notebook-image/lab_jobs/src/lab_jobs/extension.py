"""The Jupyter server extension: puts the parts together."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from spark_session.batch import here
from spark_session.batch.apis import UNANSWERED
from spark_session.errors import SparkSessionError
from spark_session.kube import ApiError

from lab_jobs.handlers import (
    ROOT,
    CancelHandler,
    ExecutorLogHandler,
    ExecutorsHandler,
    JobHandler,
    JobsHandler,
    LogHandler,
    OptionsHandler,
    RerunHandler,
    ScheduleActionHandler,
    ScheduleHandler,
)
from lab_jobs.service import Jobs

# As Kubernetes has the names of objects.
NAME = r"([a-z0-9][a-z0-9.-]*)"
HANDLERS = {
    "jobs": JobsHandler,
    "options": OptionsHandler,
    rf"jobs/{NAME}": JobHandler,
    rf"jobs/{NAME}/log": LogHandler,
    rf"jobs/{NAME}/executors": ExecutorsHandler,
    rf"jobs/{NAME}/executors/([0-9a-f_]+)": ExecutorLogHandler,
    rf"jobs/{NAME}/cancel": CancelHandler,
    rf"jobs/{NAME}/rerun": RerunHandler,
    rf"schedules/{NAME}": ScheduleHandler,
    rf"schedules/{NAME}/(pause|resume|run-now|cancel)": ScheduleActionHandler,
}


class LabJobs(ExtensionApp):
    """The jobs and schedules of the workspace that this server runs in."""

    name = "lab_jobs"
    extension_url = f"/{ROOT}"
    load_other_extensions = True

    _telling: asyncio.Task[None] | None = None

    async def _start_jupyter_server_extension(self, _: object) -> None:
        # The server is there for its person before S3 has answered.
        self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            await asyncio.to_thread(here.tell)
        except (SparkSessionError, ApiError, *UNANSWERED) as error:
            self.log.warning("Other machines are not told how to start jobs in this workspace: %s", error)

    def initialize_handlers(self) -> None:
        """Answer below `<base_url>/spark-jobs/api/`."""
        jobs = Jobs()
        self.handlers.extend((f"/{ROOT}/{path}", handler, {"jobs": jobs}) for path, handler in HANDLERS.items())


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "lab_jobs", "app": LabJobs}]
