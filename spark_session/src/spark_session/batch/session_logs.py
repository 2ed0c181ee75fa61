"""What a job's sessions leave behind: event logs, from which the history server of its person's notebook shows what Spark did, and logs of executors.

Beside a notebook its server collects event logs; a job's pod has none. None of this is ever in a job's way: what cannot be sent is left out, and nobody waits
long for it.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from spark_session import executor_logs
from spark_session.batch import s3
from spark_session.batch.archive import LOGS_FOLDER
from spark_session.batch.remember import Findings
from spark_session.environment import EVENT_LOGS_VARIABLE, HOME_VARIABLE, JOB_VARIABLE
from spark_session.event_logs import Collector, Store, application_id, logs

COLLECT_SECONDS = 10.0
PATIENCE = 5.0
"""Seconds, at the end of a job; of the 30 that Kubernetes gives a pod for its end."""

_FAILED = "What Spark did cannot be kept."


class _Objects:
    """The few requests of a Store; paths are s3:// addresses."""

    def exists(self, path: str) -> bool:
        return s3.is_there(path, _FAILED)

    def rm_file(self, path: str) -> None:
        s3.delete([path], _FAILED)

    def pipe_file(self, path: str, content: bytes) -> None:
        s3.write(path, content, _FAILED)

    def put_file(self, source: str, path: str) -> None:
        s3.send(Path(source), path, _FAILED)


def address(home: str, job: str) -> str:
    """What the addresses of the logs of a job's executors begin with; home: the person's own place."""
    return f"{home}/{LOGS_FOLDER}/{job}_"


def open_store(url: str) -> tuple[Store, str]:
    """For a Collector."""
    return _Objects(), url


@contextmanager
def collected(variables: Mapping[str, str], findings: Findings) -> Iterator[None]:
    """Within, sessions of this process's children write event logs, which are sent to where the history server looks for them, and keep the last lines of
    executors that are gone.

    Args:
        variables: environment variables of the pod.
        findings: take what Spark calls the sessions.
    """
    home = variables.get(HOME_VARIABLE)
    if not home or variables.get(EVENT_LOGS_VARIABLE):
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="spark-session-event-logs-"))
    executors = Path(tempfile.mkdtemp(prefix="spark-session-executor-logs-"))
    given = {EVENT_LOGS_VARIABLE: str(folder), executor_logs.FOLDER_VARIABLE: str(executors)}
    os.environ.update(given)
    collector = Collector(folder, home, _silent(), open_store)
    collecting = _Collecting(collector, findings, executors, address(home, variables.get(JOB_VARIABLE, "job")))
    collecting.start()
    try:
        yield
    finally:
        for name in given:
            del os.environ[name]
        collecting.finish()


def _silent() -> logging.Logger:
    """A job's log is its script's."""
    made = logging.getLogger(__name__)
    made.propagate = False
    made.addHandler(logging.NullHandler())
    return made


class _Collecting(threading.Thread):
    def __init__(self, collector: Collector, findings: Findings, executors: Path, place: str) -> None:
        super().__init__(name="job-session-logs", daemon=True)
        self._collector, self._findings = collector, findings
        self._executors, self._place = executors, place
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(COLLECT_SECONDS):
            if self._look():
                self._findings.tell()
            self._send(everything=False)
        self._look()
        self._send(everything=True)

    def finish(self) -> None:
        """Send what is left, as far as there is time."""
        self._over.set()
        self.join(PATIENCE)

    def _look(self) -> bool:
        """Whether there are sessions that were not known; those of before are not forgotten when their logs have been sent."""
        known = self._findings.applications
        new = tuple(each for each in self._applications() if each not in known)
        self._findings.applications = known + new
        return bool(new)

    def _applications(self) -> list[str]:
        with suppress(OSError):
            return [application_id(log) for log in logs(self._collector.source)]
        return []

    def _send(self, *, everything: bool) -> None:
        with suppress(Exception):
            self._collector.collect(self._applications(), everything=everything)
        for file in self._executors.glob("*.log"):
            with suppress(Exception):
                s3.send(file, f"{self._place}{file.name}", _FAILED)
                file.unlink()
