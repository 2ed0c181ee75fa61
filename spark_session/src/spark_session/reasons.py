"""Why an executor does not come, or went: in words for researchers. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from spark_session.errors import SparkSessionError, first_line
from spark_session.pods import Executor
from spark_session.shape import Shape

# Seconds after which slowness is worth a word.
SLOW_TO_START = 20.0
SLOW_TO_REGISTER = 45.0


class Kind(Enum):
    """What stands in the way."""

    QUOTA = "quota"
    LIMIT = "limit"
    POLICY = "policy"
    POD_SECURITY = "pod security"
    REFUSED = "refused"
    UNSCHEDULABLE = "unschedulable"
    IMAGE = "image"
    SET_UP = "set-up"
    NETWORK = "network"
    MISMATCH = "mismatch"
    MEMORY = "memory"
    CRASH = "crash"
    NODE = "node"
    API = "api"
    DRIVER = "driver"


@dataclass(frozen=True)
class Reason:
    """What happened, why, and what to do next, each in sentences.

    Args:
        kind: what stands in the way.
        what: what did not work.
        why: the reason.
        fix: what the reader can do now.
        log: the last lines of the executor's log, where they help.
        final: waiting changes nothing.
    """

    kind: Kind
    what: str
    why: str
    fix: str
    log: str = ""
    final: bool = False

    def __str__(self) -> str:
        text = f"{self.what} {self.why} {self.fix}"
        return f"{text}\n{indented(self.log)}" if self.log else text

    def error(self) -> SparkSessionError:
        """The exception that says the same."""
        why = f"{self.why} The last lines of its log:\n{indented(self.log)}\n" if self.log else self.why
        return SparkSessionError(self.what, why, self.fix)


@dataclass(frozen=True)
class Facts:
    """What the texts name of a session.

    Args:
        size: of one executor.
        image: of the executors.
        driver: address at which they find the driver.
        profile: name of the profile that chooses their nodes; None for none.
    """

    size: Shape
    image: str
    driver: str
    profile: str | None = None


def indented(log: str) -> str:
    """Lines of a log, set off from the text around them."""
    return "\n".join(f"    {line}" for line in log.splitlines())


def unschedulable(message: str, size: Shape, profile: str | None = None) -> Reason:
    """The scheduler found no node: "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. preemption: ..."."""
    nodes = re.match(r"\d+/(\d+) nodes are available", message)
    number = int(nodes[1]) if nodes else 0
    where = f"None of its {number} nodes fits, for there is" if number > 1 else "There is"
    short = sorted(set(re.findall(r"Insufficient ([\w./-]+?)(?=[,.\s]|$)", message)))
    asks = f"An executor asks for {size}."
    others = ""
    if profile is not None:
        asks += f' Only nodes of the profile "{profile}" will do.'
        others = " spark_session.profiles() lists other kinds of nodes."
    if short:
        return Reason(
            Kind.UNSCHEDULABLE,
            "The cluster has no room for more executors.",
            f"{where} too little {' and '.join(short)} free. {asks}",
            f"They start when there is room; if it takes long, ask for fewer or smaller executors (executors=, cores=, memory=).{others}",
        )
    return Reason(
        Kind.UNSCHEDULABLE,
        "The cluster has no node for more executors.",
        f"Kubernetes says: {first_sentence(message)} {asks}",
        f"They start when a node fits. If it takes long, show this to your administrator.{others}",
    )


def first_sentence(text: str) -> str:
    """Up to the scheduler's remarks on pre-emption, ending in a full stop."""
    return re.split(r"\.?\s+(?:preemption|no new claims)", text.strip(), maxsplit=1)[0].rstrip(".") + "."


_IMAGE_WORDS = {
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable",
}  # fmt: skip
_SET_UP_WORDS = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}


def image(name: str, message: str) -> Reason:
    """The node cannot fetch the image."""
    lowered = message.lower()
    if any(word in lowered for word in ("not found", "manifest unknown", "does not exist")):
        why = f'The image "{name}" is not in its registry.'
    elif any(word in lowered for word in ("unauthorized", "forbidden", "denied", "authentication")):
        why = f'The registry does not give the image "{name}" to the cluster: it wants a login.'
    elif any(word in lowered for word in ("no such host", "timeout", "connection refused", "i/o timeout", "dial tcp")):
        why = f'The cluster does not reach the registry of the image "{name}".'
    elif "invalid" in lowered:
        why = f'"{name}" is not the name of an image.'
    else:
        why = f'The image "{name}" cannot be fetched: {first_line(message) or "Kubernetes gives no reason"}.'
    return Reason(
        Kind.IMAGE,
        "The image of the executors cannot be fetched.",
        why,
        "Your administrator names the image and its registry; tell them.",
    )


def set_up(message: str) -> Reason:
    """The node cannot make the container."""
    return Reason(
        Kind.SET_UP,
        "An executor cannot be set up on its node.",
        f"Kubernetes says: {first_line(message, 300)}.",
        "Show this to your administrator.",
    )


def silent(driver: str, seconds: float) -> Reason:
    """It runs and has not called the driver."""
    return Reason(
        Kind.NETWORK,
        "Executors run, but don't register with your session.",
        f"The first has been running for {round(seconds)} s. Most often the network does not let it reach the notebook at {driver}.",
        "Your administrator can look at the network policies of your workspace: executors must reach the notebook at any port.",
    )


LOST = {
    "Evicted": "its node ran short of memory or disk",
    "NodeLost": "its node does not answer any more",
    "DeletionByTaintManager": "its node was shut down or does not answer any more",
    "DeletionByPodGC": "its node is gone",
    "EvictionByEvictionAPI": "its node is being emptied for maintenance",
    "PreemptionByScheduler": "work of higher priority needed its place",
    "TerminationByKubelet": "its node was shut down, or ran short of memory or disk",
    "Preempting": "work of higher priority needed its place",
    "NodeShutdown": "its node was shut down",
    "Shutdown": "its node was shut down",
    "Terminated": "its node was shut down",
    "NodeAffinity": "its node does not fit any more",
    "UnexpectedAdmissionError": "its node could not take it after all",
    "OutOfcpu": "its node was full",
    "OutOfmemory": "its node was full",
    "OutOfpods": "its node was full",
}


def lost(node: str, word: str, sentence: str) -> Reason:
    """The node took it away."""
    where = f" on the node {node}" if node else ""
    why = LOST.get(word, "its node does not answer any more")
    said = f" Kubernetes says: {first_line(sentence)}." if sentence else ""
    return Reason(
        Kind.NODE,
        f"An executor{where} is lost.",
        f"The reason: {why}.{said}",
        "Spark starts another and computes again what was lost with it. If it happens often, tell your administrator.",
    )


def stuck(executors: Iterable[Executor], registered: Collection[str], facts: Facts, now: float) -> list[Reason]:
    """Why executors that exist don't take tasks yet; empty while all goes its way.

    Args:
        executors: the pods.
        registered: numbers of the executors that the driver knows.
        facts: of the session.
        now: seconds since 1970.
    """
    found = []
    for one in executors:
        if not one.is_alive or one.id in registered:
            continue
        word, sentence = one.waiting
        if one.unschedulable:
            found.append(unschedulable(one.unschedulable, facts.size, facts.profile))
        elif word in _IMAGE_WORDS:
            found.append(image(facts.image, f"{sentence} {word}"))
        elif word in _SET_UP_WORDS:
            found.append(set_up(sentence or word))
        elif one.started is not None and now - one.started > SLOW_TO_REGISTER:
            found.append(silent(facts.driver, now - one.started))
    return found


def slow_to_start(executors: Iterable[Executor], now: float) -> list[Executor]:
    """Those that have a node and no running container for long, and don't say why: events about them may."""
    return [
        one
        for one in executors
        if one.is_alive
        and one.started is None
        and not one.unschedulable
        and one.waiting[0] in {"", "ContainerCreating", "PodInitializing"}
        and now - one.created > SLOW_TO_START
    ]


def from_event(word: str, message: str) -> Reason | None:
    """What an event about a pod tells that the pod itself does not."""
    return (
        set_up(message)
        if word in {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NetworkNotReady"}
        else None
    )


def unanswered(seconds: float) -> Reason:
    """The Kubernetes API is away."""
    return Reason(
        Kind.API,
        "Kubernetes does not answer at the moment.",
        f"It has been silent for {round(seconds)} s. Executors that run go on computing; new ones have to wait.",
        "It needs no action of yours: this session takes up again by itself.",
    )


def unexplained(missing: int) -> Reason:
    """Pods are missing, and Kubernetes would make them."""
    return Reason(
        Kind.REFUSED,
        "Spark has not made all executors yet.",
        f"{missing} are missing, and Kubernetes would take them.",
        "If it takes long, the lines of ExecutorPodsAllocator in Spark's log (in red) say more.",
    )
