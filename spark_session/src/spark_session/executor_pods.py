"""The executor pods of this workspace, for those who clear them away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPException

from spark_session.kube import Api, ApiError, Object
from spark_session.pod_template import LABEL_PREFIX

SESSION_LABEL = f"{LABEL_PREFIX}/session"
EXECUTOR_LABEL = "spark-exec-id"
GRACE = 1
"""Seconds between the polite signal and the other one, for executors that nobody needs any more."""

OVERDUE_SECONDS = 15.0
"""Longer than a busy node takes to end a pod after the time that it had for ending by itself."""

Pod = Object


class ExecutorPods:
    """For use by any thread. Every method raises OSError where the API refuses or does not answer.

    Args:
        api: the workspace's, for these alone: one that nobody else asks.
    """

    def __init__(self, api: Api) -> None:
        self._kubernetes = api
        self._lock = threading.Lock()

    def list(self, session_id: str | None = None, ended: bool = False) -> list[Pod]:
        """Executor pods of a session, or of every session; ended: only those whose containers have ended."""
        label = SESSION_LABEL if session_id is None else f"{SESSION_LABEL}={session_id}"
        # Version 0 is answered from the API server's memory.
        query = {"labelSelector": label, "resourceVersion": "0"}
        if ended:
            query["fieldSelector"] = "status.phase!=Pending,status.phase!=Running"
        with self._api() as api:
            items: list[Pod] = api.list("pods", **query)["items"]
        return items

    def log(self, name: str, lines: int) -> str:
        """The last lines of a pod's log."""
        with self._api() as api:
            return api.log(name, lines)

    def delete(self, name: str, grace: int = GRACE) -> None:
        """Delete one pod; with a grace of 0 at once, whether or not its node confirms its end."""
        with self._api() as api:
            api.delete("pods", name, gracePeriodSeconds=grace)

    def delete_session(self, session_id: str) -> None:
        """Delete all executor pods of a session."""
        with self._api() as api:
            api.delete_all("pods", labelSelector=f"{SESSION_LABEL}={session_id}", gracePeriodSeconds=GRACE)

    @contextmanager
    def _api(self) -> Iterator[Api]:
        with self._lock:
            try:
                yield self._kubernetes
            except (ApiError, HTTPException) as error:
                raise OSError(f"the Kubernetes API: {error}") from error


def session_of(pod: Pod) -> str:
    """The session that an executor pod belongs to."""
    return str(pod["metadata"]["labels"][SESSION_LABEL])


def executor_of(pod: Pod) -> str:
    """Spark's number of the executor in a pod."""
    return str(pod["metadata"].get("labels", {}).get(EXECUTOR_LABEL, ""))


def is_overdue(pod: Pod, now: float) -> bool:
    """Whether a pod should have ended long ago and has not: nobody on its node does what is asked. now: seconds since 1970."""
    due = pod["metadata"].get("deletionTimestamp")
    return due is not None and now - datetime.fromisoformat(due).timestamp() > OVERDUE_SECONDS


def is_owned_by(pod: Pod, owner: str) -> bool:
    """Whether a pod goes when the pod with the uid `owner` goes."""
    return any(reference.get("uid") == owner for reference in pod["metadata"].get("ownerReferences", []))
