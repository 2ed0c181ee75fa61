"""Executors that have ended: the last lines of their logs are kept here, and their pods are deleted.

Spark would delete a pod the moment its executor ends, and the log with it. So it is told not to (spark.kubernetes.executor.deleteOnTermination),
and this session does, a few seconds later. Following the logs of all executors instead would hold one connection to the Kubernetes API
for each of them. Pods that have ended take nothing from a quota.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from threading import Lock

from spark_session import executor_logs
from spark_session.executor_pods import ExecutorPods, Pod, executor_of, is_overdue

LINES = 1000
MOST_LOGS = 200
MOST_CHARACTERS = 200_000


class Ended:
    """The logs of executors that are gone, the last 200 of them, for as long as the session object lives."""

    def __init__(self, pods: ExecutorPods, session_id: str) -> None:
        self._pods = pods
        self._session_id = session_id
        self._logs: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def log(self, executor: str) -> str | None:
        """The last lines of an executor that is gone; None where they are not known."""
        return self._logs.get(executor)

    def collect(self) -> None:
        """Keep the logs of executors that have ended, and delete their pods. Raises OSError where the Kubernetes API does not answer."""
        with self._lock:
            for pod in self._pods.list(self._session_id, ended=True):
                self._keep(pod)
                self._pods.delete(pod["metadata"]["name"])

    def give_up(self) -> None:
        """Delete for good the pods of executors whose node is lost. Raises OSError where the Kubernetes API does not answer.

        Spark takes such an executor for one that runs until its pod is gone, and starts no other in its place; Kubernetes waits for the node,
        which may never come back.
        """
        with self._lock:
            for pod in self._pods.list(self._session_id):
                if is_overdue(pod, time.time()):
                    self._pods.delete(pod["metadata"]["name"], grace=0)

    def keep(self, pods: Iterable[Pod]) -> None:
        """Keep the logs of executors that are about to go. What cannot be had is left out."""
        with self._lock:
            for pod in pods:
                self._keep(pod)

    def clear_away(self, *, keep_logs: bool) -> None:
        """Delete the pods of the session, which has ended. Raises OSError where the Kubernetes API does not answer."""
        if keep_logs:
            with suppress(OSError):
                self.keep(self._pods.list(self._session_id))
        self._pods.delete_session(self._session_id)

    def _keep(self, pod: Pod) -> None:
        try:
            text = self._pods.log(pod["metadata"]["name"], LINES)
        except OSError:
            # The right to read logs may be missing (an older chart), or the container never began.
            return
        self._logs[executor_of(pod)] = text[-MOST_CHARACTERS:]
        of = executor_logs.Executor(self._session_id, executor_of(pod))
        executor_logs.write(os.environ, of, self._logs[of.number])
        while len(self._logs) > MOST_LOGS:
            self._logs.popitem(last=False)
