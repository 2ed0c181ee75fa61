"""The executors of a job, those that are gone included, and what they said."""

from __future__ import annotations

from dataclasses import dataclass

from spark_session.batch import s3
from spark_session.batch.apis import Apis
from spark_session.batch.jobs import answers, archive, no_job, workspace_jobs
from spark_session.batch.session_logs import address
from spark_session.control.ended import LINES
from spark_session.errors import SparkSessionError, show
from spark_session.executor_logs import Executor, parse
from spark_session.executor_pods import Pod, executor_of, is_owned_by, session_of

HEADINGS = ("EXECUTOR", "STATE", "SESSION")
_FAILED = "The logs of the job's executors cannot be read."


@dataclass(frozen=True)
class Known:
    """An executor of a job.

    Args:
        executor: the session's, and its number.
        pod: name of its pod; None for one that is gone.
    """

    executor: Executor
    pod: str | None

    @property
    def row(self) -> tuple[str, ...]:
        """Its line in a table, below HEADINGS."""
        return self.executor.number, "gone" if self.pod is None else "there", self.executor.session


@dataclass(frozen=True)
class JobExecutors:
    """The executors of a job. Methods raise SparkSessionError where there is no such job, and where Kubernetes or S3 does not answer.

    Args:
        job: its name.
        apis: the workspace's.
        home: the person's own place on S3; None for none.
    """

    job: str
    apis: Apis
    home: str | None

    @staticmethod
    def of(job: str) -> JobExecutors:
        """Those of a job of the workspace that this runs in."""
        return JobExecutors(job, workspace_jobs(), archive().home)

    def list(self) -> list[Known]:
        """Those that are there, and those that are gone whose logs are kept; by session and number."""
        with answers():
            pod = self.apis.pod(self.job)
            is_known = pod is not None or self.apis.job(self.job) is not None
            pods = [] if pod is None else self.apis.executors.list()
        there = {} if pod is None else {_of(each): each for each in pods if is_owned_by(each, pod["metadata"]["uid"])}
        gone = [] if self.home is None else [parse(name) for name in s3.names(address(self.home, self.job), _FAILED)]
        if not (is_known or gone) and archive().find(self.job) is None:
            raise no_job(self.job)
        found: dict[Executor, str | None] = {executor: None for executor in gone if executor is not None}
        found |= {executor: str(each["metadata"]["name"]) for executor, each in there.items()}
        ordered = sorted(found, key=lambda one: (one.session, int(one.number or 0)))
        return [Known(executor, found[executor]) for executor in ordered]

    def log(self, wanted: str) -> str:
        """The last 1000 lines of an executor.

        Args:
            wanted: its number; of several sessions that have one of that number the last in the list, unless it is named: "0123abcd_3".
        """
        found = [
            each for each in self.list() if wanted in (each.executor.number, each.executor.file.removesuffix(".log"))
        ]
        if not found:
            raise SparkSessionError(
                f"There is no log of executor {show(wanted)} of the job {self.job}.",
                "It never began, or went together with its node or the job's pod; of applications of the JVM none are kept.",
                f"spark-session logs {self.job} --executor lists those that there are.",
            )
        if found[-1].pod is not None:
            with answers():
                return self.apis.executors.log(found[-1].pod, LINES)
        content = s3.find(f"{address(self.home or '', self.job)}{found[-1].executor.file}", _FAILED)
        return (content or b"").decode(errors="replace")


def _of(pod: Pod) -> Executor:
    return Executor(session_of(pod), executor_of(pod))
