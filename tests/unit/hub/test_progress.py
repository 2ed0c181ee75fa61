"""Pod status and events, as Kubernetes sends them, become sentences and failures."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from spark_notebooks_hub.progress import Patience, PodProgress, Step, pod_progress, too_slow

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
IMAGE = "registry.example/notebook:1"


def pod(**status: Any) -> dict[str, Any]:
    """A notebook pod that is scheduled, unless its status says otherwise."""
    conditions = [{"type": "PodScheduled", "status": "True"}]
    return {
        "metadata": {"name": "notebook", "uid": "u"},
        "spec": {
            "containers": [{"name": "notebook", "image": IMAGE, "resources": {"limits": {"memory": "2147483648"}}}]
        },
        "status": {"phase": "Pending", "conditions": conditions, **status},
    }


def container(**fields: Any) -> dict[str, Any]:
    return pod(containerStatuses=[{"name": "sidecar", "state": {}}, {"name": "notebook", **fields}])


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return container(state={"waiting": {"reason": reason, "message": message}})


def unplaced(message: str, seconds: int) -> dict[str, Any]:
    since = (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": since,
    }
    return pod(conditions=[condition])


def event(reason: str, message: str = "", **fields: Any) -> dict[str, Any]:
    return {"reason": reason, "message": message, **fields}


def read(subject: dict[str, Any] | None, *events: dict[str, Any]) -> PodProgress:
    return pod_progress(subject, events, NOW, Patience(image_failures=2, unschedulable=timedelta(seconds=90)))


FULL = "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. preemption: 0/3 nodes are available."
PULL = f'Failed to pull image "{IMAGE}": rpc error: code = NotFound desc = failed to resolve reference: not found'


@pytest.mark.parametrize(
    ("subject", "events", "step", "detail"),
    [
        (None, [], Step.PLACE, ""),
        (pod(conditions=[]), [], Step.PLACE, ""),
        (unplaced(FULL, 5), [], Step.PLACE, "1 Insufficient cpu, 2 Insufficient memory"),
        (unplaced(FULL, 600), [event("TriggeredScaleUp")], Step.PLACE, "the cluster is adding a machine"),
        (pod(), [event("Scheduled")], Step.VOLUMES, ""),
        (waiting("ContainerCreating"), [event("FailedMount", "secret not found")], Step.VOLUMES, "secret not found"),
        (waiting("ContainerCreating"), [event("Pulling")], Step.IMAGE, ""),
        (waiting("ErrImagePull"), [event("Pulling"), event("Failed", PULL)], Step.IMAGE, "the first try failed, trying again"),
        (waiting("ContainerCreating"), [event("Pulling"), event("Pulled")], Step.JUPYTER, ""),
        (container(state={"running": {}}), [event("Started")], Step.JUPYTER, ""),
    ],
)  # fmt: skip
def test_a_start_that_goes_on_is_told_in_words(
    subject: dict[str, Any] | None, events: list[dict[str, Any]], step: Step, detail: str
) -> None:
    assert read(subject, *events) == PodProgress(step, detail)


def terminated(**fields: Any) -> dict[str, Any]:
    return container(state={"terminated": fields})


@pytest.mark.parametrize(
    ("subject", "events", "reason", "parts"),
    [
        (unplaced(FULL, 91), [], "unschedulable", ["2 Insufficient memory", "Choose a smaller size"]),
        (unplaced("something new", 91), [], "unschedulable", ["something new"]),
        (waiting("InvalidImageName"), [], "image", [IMAGE, "singleuser.image"]),
        (waiting("ErrImageNeverPull", "not present"), [], "image", [IMAGE, "singleuser.image"]),
        (waiting("ImagePullBackOff"), [event("Failed", PULL, count=2)], "image", [IMAGE, "not in the registry"]),
        (waiting("ImagePullBackOff"), [event("Failed", PULL), event("Failed", PULL)], "image", ["not in the registry"]),
        (waiting("ErrImagePull"), [event("Failed", PULL, series={"count": 3}, count=1)], "image", [IMAGE]),
        (
            waiting("ErrImagePull"),
            [event("Failed", "Failed to pull image: 401 Unauthorized", count=2)],
            "image",
            ["the registry refuses access"],
        ),
        (
            waiting("ErrImagePull"),
            [event("Failed", "Failed to pull image: dial tcp: lookup r: no such host", count=2)],
            "image",
            ["the registry's name is not known"],
        ),
        (
            waiting("ErrImagePull"),
            [event("Failed", "Failed to pull image: dial tcp 10.0.0.1:5000: connect: connection refused", count=2)],
            "image",
            ["the registry does not answer"],
        ),
        (waiting("CreateContainerConfigError", 'secret "x" not found'), [], "container", ['secret "x" not found']),
        (terminated(reason="OOMKilled", exitCode=137), [], "memory", ["2147483648", "larger size"]),
        (pod(phase="Failed", message="The node was low on disk"), [], "evicted", ["low on disk", "Start it again"]),
        (pod() | {"metadata": {"deletionTimestamp": "x"}}, [], "removed", ["Start it again"]),
    ],
)
def test_a_start_that_cannot_succeed_ends_with_what_why_and_what_to_do(
    subject: dict[str, Any], events: list[dict[str, Any]], reason: str, parts: list[str]
) -> None:
    failure = read(subject, *events).failure
    assert failure is not None
    assert failure.reason == reason
    for part in parts:
        assert part in failure.message


@pytest.mark.parametrize(
    "subject",
    [
        terminated(reason="Error", exitCode=3),
        container(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"exitCode": 3}}),
        container(state={"running": {}}, lastState={"terminated": {"exitCode": 3}}, restartCount=1),
    ],
)
def test_a_server_that_ended_shows_its_own_log(subject: dict[str, Any]) -> None:
    found = read(subject)
    assert found.crashed
    assert found.failure is not None
    assert "exit code 3" in found.failure.message


def test_back_off_events_are_no_failed_pulls() -> None:
    found = read(
        waiting("ImagePullBackOff"), event("Failed", "Error: ImagePullBackOff", count=9), event("Failed", PULL)
    )
    assert found.failure is None


def test_a_running_server_beside_another_container_that_ended_goes_on() -> None:
    subject = container(state={"running": {}})
    subject["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 1}}
    assert read(subject).failure is None


@pytest.mark.parametrize("step", list(Step))
def test_a_timeout_names_the_last_step(step: Step) -> None:
    failure = too_slow(step, "why", 300)
    assert failure.reason == "timeout"
    assert f"{step.sentence} (why)" in failure.message
    assert "300 seconds" in failure.message


def test_the_bar_only_moves_forward() -> None:
    percents = [step.percent for step in Step]
    assert percents == sorted(percents)
    assert percents[-1] < 100
