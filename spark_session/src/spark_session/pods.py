"""What the executor pods of a session say of themselves, read from their Kubernetes objects. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spark_session.pod_template import LABEL_PREFIX

SESSION_LABEL = f"{LABEL_PREFIX}/session"
_ID_LABEL = "spark-exec-id"
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Ended:
    """How an executor's container ended.

    Args:
        code: exit code; 128 and the signal's number where a signal ended it.
        reason: Kubernetes' word, such as "Error" or "OOMKilled".
        message: the last lines of its log, where it failed.
    """

    code: int
    reason: str
    message: str


@dataclass(frozen=True)
class Executor:
    """An executor pod. Times are seconds since 1970, None for what has not happened.

    Args:
        pod: name of the pod.
        id: Spark's number of the executor.
        phase: "Pending", "Running", "Succeeded", "Failed" or "Unknown".
        created: when the pod was made.
        started: when its container began to run.
        unschedulable: why no node takes it; empty where one does, or nobody has looked yet.
        waiting: why its container does not run yet, Kubernetes' word and sentence.
        ended: how its container ended.
        leaving: somebody deletes it.
        reason: Kubernetes' word and sentence for what became of the pod as a whole, such as "Evicted".
        node: where it runs; empty before that is decided.
    """

    pod: str
    id: str
    phase: str
    created: float
    started: float | None = None
    unschedulable: str = ""
    waiting: tuple[str, str] = ("", "")
    ended: Ended | None = None
    leaving: bool = False
    reason: tuple[str, str] = ("", "")
    node: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether it is, or may still become, an executor."""
        return self.phase not in _ENDED and not self.leaving and self.ended is None


@dataclass(frozen=True)
class Count:
    """How far the executors have come; each number includes the next."""

    asked: int
    created: int = 0
    running: int = 0
    registered: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether all that were asked for take tasks."""
        return self.registered >= self.asked


def executor(pod: dict[str, Any]) -> Executor:
    """Read a Pod object."""
    metadata, status = pod["metadata"], pod.get("status", {})
    container: dict[str, Any] = next(iter(status.get("containerStatuses") or []), {})
    state = container.get("state") or {}
    waiting, terminated = state.get("waiting") or {}, state.get("terminated")
    started = (state.get("running") or {}).get("startedAt")
    conditions = {condition["type"]: condition for condition in status.get("conditions") or []}
    return Executor(
        pod=metadata["name"],
        id=(metadata.get("labels") or {}).get(_ID_LABEL, ""),
        phase=status.get("phase") or "Pending",
        created=_seconds(metadata["creationTimestamp"]),
        started=None if started is None else _seconds(started),
        unschedulable=_unschedulable(conditions.get("PodScheduled", {})),
        waiting=(waiting.get("reason") or "", waiting.get("message") or ""),
        ended=None if terminated is None else _ended(terminated),
        leaving="deletionTimestamp" in metadata,
        reason=_reason(status, conditions.get("DisruptionTarget", {})),
        node=pod.get("spec", {}).get("nodeName") or "",
    )


def count(asked: int, executors: Iterable[Executor], registered: Collection[str]) -> Count:
    """How far they have come.

    Args:
        asked: how many there are to be.
        executors: the pods that exist.
        registered: numbers of the executors that the driver knows.
    """
    alive = [one for one in executors if one.is_alive]
    known = sum(one.id in registered for one in alive)
    running = sum(one.started is not None or one.id in registered for one in alive)
    return Count(asked, len(alive), running, known)


def _unschedulable(condition: dict[str, Any]) -> str:
    return condition.get("message") or "" if condition.get("reason") == "Unschedulable" else ""


def _ended(terminated: dict[str, Any]) -> Ended:
    return Ended(terminated["exitCode"], terminated.get("reason") or "", (terminated.get("message") or "").rstrip())


def _reason(status: dict[str, Any], disruption: dict[str, Any]) -> tuple[str, str]:
    if disruption.get("status") == "True":
        return disruption.get("reason") or "", disruption.get("message") or ""
    return status.get("reason") or "", status.get("message") or ""


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
