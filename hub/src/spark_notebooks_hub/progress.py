"""What a starting pod is doing, in words for the person who waits: pod status and events in, a step or a failure out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from .errors import Failure

Json = Mapping[str, Any]

NODE_TROUBLES = {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"}
DETAIL_LENGTH = 200


class Step(Enum):
    """The steps of a start in their order: percent of the progress bar, and the sentence."""

    WORKSPACE = (10, "Creating your workspace")
    PLACE = (25, "Waiting for a place on the cluster")
    VOLUMES = (35, "Preparing your server")
    IMAGE = (45, "Pulling the notebook image")
    JUPYTER = (75, "Starting Jupyter")
    READY = (95, "Ready")

    @property
    def percent(self) -> int:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


@dataclass(frozen=True)
class Patience:
    """How long a start waits for what may yet come right by itself.

    image_failures: failed pulls of the image; unschedulable: time without a place, where no autoscaler has promised one.
    """

    image_failures: int = 2
    unschedulable: timedelta = timedelta(seconds=90)


@dataclass(frozen=True)
class PodProgress:
    """Where a start is. detail adds to the step's sentence; crashed says that the server's own log tells why it failed."""

    step: Step
    detail: str = ""
    failure: Failure | None = None
    crashed: bool = False

    @property
    def message(self) -> str:
        return f"{self.step.sentence} ({self.detail})" if self.detail else self.step.sentence


@dataclass(frozen=True)
class Observation:
    """A notebook pod and the events about it, at one moment."""

    pod: Json
    events: Sequence[Json]
    now: datetime
    patience: Patience

    @property
    def status(self) -> Json:
        return self.pod.get("status", {})

    @property
    def container(self) -> Json:
        """The spec of the notebook's container."""
        return next((c for c in self.pod["spec"].get("containers", ()) if c["name"] == "notebook"), {})

    @property
    def container_status(self) -> Json:
        return next((c for c in self.status.get("containerStatuses") or () if c["name"] == "notebook"), {})

    @property
    def waiting(self) -> Json:
        """Why the container does not run yet."""
        return self.container_status.get("state", {}).get("waiting", {})

    @property
    def scheduled(self) -> Json:
        """The condition PodScheduled."""
        return next((c for c in self.status.get("conditions") or () if c["type"] == "PodScheduled"), {})


def pod_progress(
    pod: Json | None, events: Iterable[Json], now: datetime, patience: Patience = Patience()
) -> PodProgress:
    """Reads a notebook pod (None while Kubernetes has not shown it) and the events about it."""
    if pod is None:
        return PodProgress(Step.PLACE)
    seen = Observation(pod, list(events), now, patience)
    found = (rule(seen) for rule in (_removed, _ended, _without_place, _refused, _running))
    return next((progress for progress in found if progress), None) or _preparing(seen)


def too_slow(step: Step, detail: str, seconds: float) -> Failure:
    """The failure of a start that reached no end in its time."""
    hint = {
        Step.PLACE: "The cluster has no room for it; try again later or ask your administrator for more room.",
        Step.IMAGE: "The image may be large, and a second try often finds it there; else ask your administrator to raise singleuser.startTimeout.",
        Step.JUPYTER: "Jupyter did not answer; ask your administrator to look at the server's log.",
    }.get(step, "Try again; if it stays so, tell your administrator.")
    where = f"{step.sentence} ({detail})" if detail else step.sentence
    return Failure("timeout", f"Your server did not start in {seconds:.0f} seconds. The last step was: {where}. {hint}")


def _failed(step: Step, reason: str, message: str, crashed: bool = False) -> PodProgress:
    return PodProgress(step, failure=Failure(reason, message), crashed=crashed)


def _removed(seen: Observation) -> PodProgress | None:
    if "deletionTimestamp" not in seen.pod["metadata"]:
        return None
    return _failed(Step.PLACE, "removed", "Your server was removed while it was starting. Start it again.")


def _ended(seen: Observation) -> PodProgress | None:
    """The server ran and ended: evicted, out of memory, or of itself."""
    states = (seen.container_status.get("state", {}), seen.container_status.get("lastState", {}))
    end = next((state["terminated"] for state in states if "terminated" in state), None)
    if end is None:
        if seen.status.get("phase") != "Failed":
            return None
        why = seen.status.get("message") or seen.status.get("reason") or "no reason is given"
        message = f"The cluster ended your server while it was starting: {why}. Start it again."
        return _failed(Step.PLACE, "evicted", message)
    if end.get("reason") == "OOMKilled":
        limit = seen.container.get("resources", {}).get("limits", {}).get("memory", "that of its node")
        message = (
            f"Your server needed more memory than it may use (limit: {limit}) and was ended. "
            "Choose a larger size, or ask your administrator for one."
        )
        return _failed(Step.JUPYTER, "memory", message)
    message = (
        f"Your server ended while it was starting (exit code {end.get('exitCode')}). "
        "Its last lines are below; show them to your administrator."
    )
    return _failed(Step.JUPYTER, "crash", message, crashed=True)


def _without_place(seen: Observation) -> PodProgress | None:
    """The scheduler has not found a node yet."""
    if seen.scheduled.get("status") == "True" or seen.pod["spec"].get("nodeName"):
        return None
    if seen.scheduled.get("reason") != "Unschedulable":
        return PodProgress(Step.PLACE)
    why = _unschedulable_reason(seen.scheduled.get("message", ""))
    if any(event.get("reason") == "TriggeredScaleUp" for event in seen.events):
        return PodProgress(Step.PLACE, "the cluster is adding a machine")
    since = seen.scheduled.get("lastTransitionTime")
    if not since or seen.now - datetime.fromisoformat(since) <= seen.patience.unschedulable:
        return PodProgress(Step.PLACE, why)
    message = (
        f"The cluster has no place for your server: {why}. "
        "Choose a smaller size, stop what you no longer need, or ask your administrator for more room."
    )
    return _failed(Step.PLACE, "unschedulable", message)


def _unschedulable_reason(message: str) -> str:
    """'0/3 nodes are available: 3 Insufficient memory. preemption: ...' -> '3 Insufficient memory'."""
    match = re.search(r"nodes are available: (.+?)(?:\. |\.$|$)", message)
    return (match[1] if match else message) or "no reason is given"


def _refused(seen: Observation) -> PodProgress | None:
    """What the node cannot do: get the image, or make the container."""
    reason, image = seen.waiting.get("reason", ""), seen.container.get("image", "")
    if reason == "InvalidImageName":
        message = f"{image!r} is no valid name of an image. Ask your administrator to check singleuser.image."
        return _failed(Step.IMAGE, "image", message)
    failed_pulls = [event for event in seen.events if _is_failed_pull(event)]
    if reason == "ErrImageNeverPull" or sum(map(_count, failed_pulls)) >= seen.patience.image_failures:
        why = _pull_problem(failed_pulls[-1]["message"] if failed_pulls else seen.waiting.get("message", ""))
        message = (
            f"The notebook image {image} cannot be pulled: {why}. "
            "Ask your administrator to check singleuser.image and the access to its registry."
        )
        return _failed(Step.IMAGE, "image", message)
    if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        why = seen.waiting.get("message", reason)
        message = f"Your server cannot be started: {why}. Show this to your administrator."
        return _failed(Step.VOLUMES, "container", message)
    return None


def _running(seen: Observation) -> PodProgress | None:
    return PodProgress(Step.JUPYTER) if "running" in seen.container_status.get("state", {}) else None


def _preparing(seen: Observation) -> PodProgress:
    """Scheduled, not running yet: volumes, image, start of the container."""
    reasons = [event.get("reason") for event in seen.events]
    if "Pulled" in reasons:
        return PodProgress(Step.JUPYTER)
    if "Pulling" in reasons:
        failed_before = any(map(_is_failed_pull, seen.events))
        return PodProgress(Step.IMAGE, "the first try failed, trying again" if failed_before else "")
    troubles = [event for event in seen.events if event.get("reason") in NODE_TROUBLES]
    return PodProgress(Step.VOLUMES, str(troubles[-1].get("message", ""))[:DETAIL_LENGTH] if troubles else "")


def _is_failed_pull(event: Json) -> bool:
    return event.get("reason") == "Failed" and "pull image" in event.get("message", "")


def _count(event: Json) -> int:
    """How often it happened: Kubernetes counts repeated events instead of writing new ones."""
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)


def _pull_problem(message: str) -> str:
    """The innermost reason of a pull error; the node's runtime wraps it several times around the name of the image."""
    if re.search(r"not found|manifest unknown|does not exist", message, re.IGNORECASE):
        return "it is not in the registry"
    if re.search(r"unauthorized|authorization failed|denied|401|403", message, re.IGNORECASE):
        return "the registry refuses access"
    if re.search(r"no such host|server misbehaving", message, re.IGNORECASE):
        return "the registry's name is not known"
    if re.search(r"connection refused|timeout|timed out|no route|unreachable", message, re.IGNORECASE):
        return "the registry does not answer"
    return message.rpartition(": ")[2].strip() or "no reason is given"
