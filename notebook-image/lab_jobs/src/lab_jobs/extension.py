"""The Jupyter server extension: puts the parts together."""

from __future__ import annotations

from typing import Any

from jupyter_server.extension.application import ExtensionApp

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

    def initialize_handlers(self) -> None:
        """Answer below `<base_url>/spark-jobs/api/`."""
        jobs = Jobs()
        self.handlers.extend((f"/{ROOT}/{path}", handler, {"jobs": jobs}) for path, handler in HANDLERS.items())


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "lab_jobs", "app": LabJobs}]
