"""How a job stands, and what its end means: read from its Job and Pod objects. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spark_session.another_try import TRY_AGAIN
from spark_session.batch.manifest import CONTAINER, DISRUPTION
from spark_session.errors import first_line
from spark_session.kube import Object

TIMED_OUT = 124
"""As the program `timeout` has it."""

LONGEST_WORDS = 1000
"""Characters of what a notebook says of its end; Kubernetes keeps 4,096 bytes."""

KILLED = 137
TERMINATED = 143
# Of a job: what is so, and what will be so when its pod has ended.
_FAILURES = {"Failed", "FailureTarget"}
_CANNOT_START = ("StartError", "ContainerCannotRun")


class State(Enum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """Of one that is only remembered: it has ended, and nobody knows how."""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more, or will."""
        return self not in (State.WAITING, State.RUNNING)


@dataclass(frozen=True)
class Outcome:
    """A job's state, its exit code once it is over, and a sentence where there is something to say."""

    state: State
    code: int | None = None
    message: str = ""


GONE = Outcome(State.CANCELLED, TERMINATED, "It was cancelled: it is not there any more.")


def outcome(job: Object, pod: Object | None) -> Outcome:
    """How a job stands.

    Args:
        job: the Job object.
        pod: its newest Pod object; None where there is none, or none any more.
    """
    if "deletionTimestamp" in job["metadata"]:
        return Outcome(State.CANCELLED, TERMINATED, "It was cancelled.")
    conditions = _conditions(job)
    for kind in _FAILURES:
        if conditions.get(kind, {}).get("reason") == "DeadlineExceeded":
            return _timed_out(job)
    ended = None if pod is None else _ended(pod, job)
    if ended is not None:
        # Whether a retry is left is Kubernetes' verdict: until there is one, there is.
        undecided = job["spec"].get("backoffLimit") and not conditions.keys() & _FAILURES
        return Outcome(State.WAITING) if undecided and ended.code == TRY_AGAIN else ended
    if "Complete" in conditions:
        return Outcome(State.SUCCEEDED, 0)
    if "Failed" in conditions:
        said = first_line(str(conditions["Failed"].get("message") or "its pod is gone"), 300).rstrip(".")
        return Outcome(State.FAILED, TRY_AGAIN, f"Its end was not seen: {said}. Submit it again.")
    return Outcome(State.WAITING if pod is None or not has_started(pod) else State.RUNNING)


def is_settled(job: Object) -> bool:
    """Whether Kubernetes has come to its verdict on a job."""
    return not {"Complete", "Failed"}.isdisjoint(_conditions(job))


def has_started(pod: Object) -> bool:
    """Whether the script of a pod runs or ran, and so there is a log."""
    state = _container(pod).get("state") or {}
    return state.get("running") is not None or state.get("terminated") is not None


def waiting_for(pod: Object) -> str:
    """Why the script of a pod does not run yet; empty where nothing is wrong."""
    status = pod.get("status", {})
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            said = first_line(condition.get("message") or "", 300)
            return f"The cluster has no room for it yet: {said}"
    waiting = (_container(pod).get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
        return f"Its image cannot be fetched: {first_line(waiting.get('message') or waiting['reason'], 300)}"
    return ""


def _conditions(item: Object) -> dict[str, Object]:
    """What is so of a Job or a Pod, by its type."""
    found = item.get("status", {}).get("conditions") or []
    return {each["type"]: each for each in found if each.get("status") == "True"}


def _timed_out(job: Object) -> Outcome:
    seconds = int(job["spec"].get("activeDeadlineSeconds") or 0)
    return Outcome(
        State.FAILED,
        TIMED_OUT,
        f"It took longer than its time limit of {_duration(seconds)} and was ended. Give it more with --timeout, or more executors.",
    )


def _ended(pod: Object, job: Object) -> Outcome | None:
    status = pod.get("status", {})
    terminated = (_container(pod).get("state") or {}).get("terminated")
    disruption = _conditions(pod).get(DISRUPTION)
    if terminated is not None and (terminated["exitCode"] == 0 or disruption is None):
        code = int(terminated["exitCode"])
        return Outcome(State.FAILED, code, _why(terminated, job)) if code else Outcome(State.SUCCEEDED, 0)
    if terminated is None and status.get("phase") != "Failed":
        return None
    why = disruption or status
    said = ": ".join(filter(None, (why.get("reason"), first_line(why.get("message") or "", 300))))
    return Outcome(
        State.FAILED, TRY_AGAIN, f"Its pod was ended from outside ({said or 'no reason given'}). Submit it again."
    )


def _why(terminated: Object, job: Object) -> str:
    """What there is to say of a container that failed; of an exit code of the script's own choice there is nothing."""
    code, reason = int(terminated["exitCode"]), terminated.get("reason") or ""
    words = first_line(terminated.get("message") or "", LONGEST_WORDS)
    if reason in _CANNOT_START:
        return f"Its program could not be started: {words}."
    if reason == "OOMKilled":
        return _killed(job, certain=True)
    if words:  # of a notebook: the cell that failed
        return f"{words}."
    if code == KILLED:
        return _killed(job, certain=False)
    return "Something asked it to end (SIGTERM)." if code == TERMINATED else ""


def _killed(job: Object, certain: bool) -> str:
    [container] = job["spec"]["template"]["spec"]["containers"]
    memory = container["resources"]["limits"]["memory"]
    why = (
        f"It was killed because the script, with Spark's driver, used more memory than the job has ({memory})."
        if certain
        else f"Something killed it (SIGKILL), most often because the script used more memory than the job has ({memory})."
    )
    return f"{why} Give it more with --driver-memory, or collect less into the script (collect, toPandas)."


def _container(pod: Object) -> Object:
    statuses = pod.get("status", {}).get("containerStatuses") or []
    # By its name: a mesh may have put another one beside it.
    return next((each for each in statuses if each["name"] == CONTAINER), {})


def _duration(seconds: int) -> str:
    for unit, name in ((24 * 3600, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
