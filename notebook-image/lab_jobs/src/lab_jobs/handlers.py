"""What the Jupyter server answers below `<base_url>/spark-jobs/api/`.

    GET  jobs                          jobs and schedules, and jobs that have ended
    POST jobs                          start a job, or make a schedule
    GET  options                       what the dialog for a new job offers
    GET  jobs/<name>                   what is known of a job
    GET  jobs/<name>/log               what is new in its log
    GET  jobs/<name>/executors         its executors, those that are gone included
    GET  jobs/<name>/executors/<id>    the last lines of one
    POST jobs/<name>/cancel|rerun
    GET  schedules/<name>              what is known of a schedule
    POST schedules/<name>/pause|resume|run-now|cancel

What is refused is answered with {"message": ...}, in the words of spark_session: 422, or 502 where Kubernetes or S3 does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from spark_session.errors import SparkSessionError
from tornado.web import authenticated

from lab_jobs.asked import parse
from lab_jobs.service import Jobs, is_unanswered

ROOT = "spark-jobs/api"


class Handler(APIHandler):
    """A handler for those who may use the person's jobs."""

    auth_resource = "spark_jobs"

    def initialize(self, jobs: Jobs) -> None:
        """Take what all requests share."""
        self._jobs = jobs

    async def _answer(self, work: Callable[[], Any]) -> None:
        """Answer with what `work` gives, in a thread of its own: Kubernetes and S3 may take their time."""
        try:
            found = await asyncio.to_thread(work)
        except SparkSessionError as error:
            # Not as an HTTPError, which takes a % in the text for a place to fill in.
            self.set_status(502 if is_unanswered(error) else 422)
            found = {"message": str(error)}
        self.finish(found)


class JobsHandler(Handler):
    """The jobs of the workspace."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer what Jobs.overview gives."""
        await self._answer(self._jobs.overview)

    @authenticated
    @authorized
    async def post(self) -> None:
        """Start what the body asks for (see asked.parse), and answer {"job": name} or {"schedule": name}."""
        body = self.get_json_body()
        await self._answer(lambda: self._jobs.start(parse(body)))


class OptionsHandler(Handler):
    """What a new job may ask for."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer what Jobs.options gives."""
        await self._answer(self._jobs.options)


class JobHandler(Handler):
    """One job."""

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Answer {"details": [[name, value], ...]}."""
        await self._answer(lambda: self._jobs.details(name))


class LogHandler(Handler):
    """The log of a job."""

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Answer what is new since the answer before, whose `pod` and `since` are in the query (see Jobs.log)."""
        pod, since = self.get_query_argument("pod", ""), self.get_query_argument("since", "")
        await self._answer(lambda: self._jobs.log(name, pod, since))


class ExecutorsHandler(Handler):
    """The executors of a job."""

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Answer what Jobs.executors gives."""
        await self._answer(lambda: self._jobs.executors(name))


class ExecutorLogHandler(Handler):
    """The log of an executor."""

    @authenticated
    @authorized
    async def get(self, name: str, executor: str) -> None:
        """Answer {"text": its last lines}."""
        await self._answer(lambda: self._jobs.executor_log(name, executor))


class CancelHandler(Handler):
    """The end of a job."""

    @authenticated
    @authorized
    async def post(self, name: str) -> None:
        """End the job, and answer {"job": name}."""
        await self._answer(lambda: self._jobs.cancel(name))


class RerunHandler(Handler):
    """A job once more."""

    @authenticated
    @authorized
    async def post(self, name: str) -> None:
        """Run the job again, also while it still runs if the body says {"overlap": true}, and answer {"job": name of the new one}."""
        overlap = (self.get_json_body() or {}).get("overlap") is True
        await self._answer(lambda: self._jobs.rerun(name, overlap=overlap))


class ScheduleHandler(Handler):
    """One schedule."""

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Answer {"details": [[name, value], ...]}."""
        await self._answer(lambda: self._jobs.schedule_details(name))


class ScheduleActionHandler(Handler):
    """What is done with a schedule."""

    @authenticated
    @authorized
    async def post(self, name: str, action: str) -> None:
        """Do it, and answer {"schedule": name}, or {"job": name} for the run that was started."""
        await self._answer(lambda: self._jobs.change_schedule(name, action))
