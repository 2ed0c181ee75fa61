"""Why executors don't come or are gone: what Kubernetes says, and what researchers read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from spark_session.crashes import crashed, driver_ended, gone, last_lines
from spark_session.pods import Ended, Executor, executor
from spark_session.reasons import Facts, Kind, Reason, from_event, slow_to_start, stuck, unanswered, unexplained
from spark_session.refusals import refused
from spark_session.shape import Shape

SIZE = Shape(cpu=Decimal(1), cpu_limit=None, heap_mib=1024, memory_mib=1434)
FACTS = Facts(SIZE, "registry.example/notebook:1", "10.244.0.7")
WAITING = Executor("flights-exec-1", "1", "Pending", created=1000.0)
RUNNING = replace(WAITING, phase="Running", started=1005.0, node="worker-3")
FORBIDDEN = 'pods "flights-exec-1" is forbidden: '

REFUSALS = [
    (
        FORBIDDEN + "exceeded quota: workspace, requested: pods=1, used: pods=4, limited: pods=4",
        Kind.QUOTA,
        "Your workspace may have 4 pods, and 4 pods are used.",
    ),
    (
        FORBIDDEN + "exceeded quota: workspace, requested: limits.memory=1434Mi,requests.cpu=1, "
        "used: limits.memory=7Gi,requests.cpu=3500m, limited: limits.memory=8Gi,requests.cpu=4",
        Kind.QUOTA,
        "Your workspace may have 8 GiB of memory, and 7 GiB are used; an executor needs 1.4 GiB (limits.memory). "
        "Your workspace may have 4 cores, and 3.5 cores are used; an executor needs 1 core (requests.cpu).",
    ),
    (
        FORBIDDEN + "failed quota: workspace: must specify limits.cpu for: executor",
        Kind.QUOTA,
        "It counts limits.cpu, which executors don't state.",
    ),
    (
        FORBIDDEN + "[maximum memory usage per Container is 1Gi, but limit is 1434Mi, maximum cpu usage per Container is 500m, but limit is 1]",
        Kind.LIMIT,
        "The limit: maximum memory usage per Container is 1Gi, but limit is 1434Mi; maximum cpu usage per Container is 500m, but limit is 1.",
    ),
    (
        FORBIDDEN + "maximum cpu usage per Container is 500m.  No limit is specified",
        Kind.LIMIT,
        "maximum cpu usage per Container is 500m",
    ),
    (
        FORBIDDEN + 'violates PodSecurity "restricted:latest": restricted volume types (volume "x" uses restricted volume type "hostPath")',
        Kind.POD_SECURITY,
        'It enforces the Pod Security Standard "restricted"',
    ),
    (
        FORBIDDEN + "ValidatingAdmissionPolicy 'executors' with binding 'executors' denied request: an executor has one container",
        Kind.POLICY,
        'The policy "executors" says: an executor has one container.',
    ),
    (
        'admission webhook "pods.example.com" denied the request: no label team',
        Kind.POLICY,
        'The policy "pods.example.com" says: no label team.',
    ),
    (
        FORBIDDEN + 'error looking up service account user-ada/executor: serviceaccount "executor" not found',
        Kind.REFUSED,
        'The service account "executor", which they run as, is not there.',
    ),
    (
        'pods is forbidden: User "system:serviceaccount:user-ada:notebook" cannot create resource "pods" in API group "" in the namespace "user-ada"',
        Kind.REFUSED,
        "has no right to create pods",
    ),
    (
        FORBIDDEN + "unable to create new content in namespace user-ada because it is being terminated",
        Kind.REFUSED,
        "Your workspace is being deleted.",
    ),
    (
        'Pod "flights-exec-1" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        Kind.REFUSED,
        "must be less than or equal to cpu limit of 1.",
    ),
    ("the server is on fire", Kind.REFUSED, "It says (403): the server is on fire."),
]  # fmt: skip


@pytest.mark.parametrize(("message", "kind", "words"), REFUSALS, ids=lambda value: str(value)[-40:])
def test_a_refusal(message: str, kind: Kind, words: str) -> None:
    check(refused(403, message, SIZE), kind, words)


STUCK: list[tuple[dict[str, Any], Kind, str]] = [
    (
        {"unschedulable": "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found."},
        Kind.UNSCHEDULABLE,
        "There is too little cpu free. An executor asks for 1 core and 1.4 GiB of memory",
    ),
    (
        {"unschedulable": "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. no new claims to deallocate"},
        Kind.UNSCHEDULABLE,
        "None of its 3 nodes fits, for there is too little cpu and memory free.",
    ),
    (
        {"unschedulable": "0/2 nodes are available: 2 node(s) had untolerated taint {gpu: yes}. preemption: not helpful."},
        Kind.UNSCHEDULABLE,
        "Kubernetes says: 0/2 nodes are available: 2 node(s) had untolerated taint {gpu: yes}.",
    ),
    ({"waiting": ("ErrImagePull", 'failed to resolve reference "x": x: not found')}, Kind.IMAGE, "is not in its registry."),
    ({"waiting": ("ImagePullBackOff", "pull access denied: authorization failed")}, Kind.IMAGE, "it wants a login."),
    ({"waiting": ("ErrImagePull", "dial tcp: lookup registry.example: no such host")}, Kind.IMAGE, "does not reach the registry"),
    ({"waiting": ("InvalidImageName", "couldn't parse image name")}, Kind.IMAGE, "is not the name of an image."),
    ({"waiting": ("ErrImageNeverPull", "policy says never")}, Kind.IMAGE, "policy says never"),
    ({"waiting": ("CreateContainerConfigError", 'secret "s3-credentials" not found')}, Kind.SET_UP, 'secret "s3-credentials" not found.'),
    ({"phase": "Running", "started": 940.0}, Kind.NETWORK, "The first has been running for 60 s."),
]  # fmt: skip


@pytest.mark.parametrize(("state", "kind", "words"), STUCK, ids=lambda value: str(value)[:60])
def test_an_executor_that_is_stuck(state: dict[str, Any], kind: Kind, words: str) -> None:
    [reason] = stuck([replace(WAITING, **state)], set(), FACTS, now=1000.0)
    check(reason, kind, words)


def test_one_that_is_on_its_way_is_not_stuck() -> None:
    pulling = replace(WAITING, waiting=("ContainerCreating", ""))
    registered = replace(RUNNING, id="2", started=0.0)
    leaving = replace(WAITING, leaving=True, unschedulable="0/1 nodes are available: 1 Insufficient cpu.")
    assert stuck([WAITING, pulling, RUNNING, registered, leaving], {"2"}, FACTS, now=1006.0) == []


def test_one_that_is_slow_and_does_not_say_why_is_worth_a_question() -> None:
    pulling = replace(WAITING, waiting=("ContainerCreating", ""))
    told = replace(WAITING, waiting=("ErrImagePull", "x"))
    assert slow_to_start([pulling, told, RUNNING], now=1010.0) == []
    assert slow_to_start([pulling, told, RUNNING], now=1030.0) == [pulling]


def test_an_event() -> None:
    reason = from_event("FailedMount", 'MountVolume.SetUp failed for volume "s3-credentials" : secret not found')
    assert reason is not None
    check(reason, Kind.SET_UP, "secret not found.")
    assert from_event("Unhealthy", "whatever") is None


ENDS: list[tuple[Ended, Kind, str]] = [
    (Ended(137, "OOMKilled", ""), Kind.MEMORY, "It had 1434m: 1g of Java heap and 410m for Python and the rest."),
    (Ended(137, "OOMKilled", ""), Kind.MEMORY, 'conf={"spark.executor.memoryOverhead": "820m"}'),
    (Ended(137, "Error", ""), Kind.MEMORY, "An executor was killed. A signal ended it (exit code 137)"),
    (Ended(52, "Error", "java.lang.OutOfMemoryError: Java heap space"), Kind.MEMORY, 'Ask for more with memory="2g"'),
    (Ended(1, "Error", "Caused by: java.io.IOException: Failed to connect to /10.244.0.7:41234"), Kind.NETWORK, "connecting to the driver at 10.244.0.7."),
    (Ended(1, "Error", "RpcTimeoutException: Cannot receive any reply from 10.244.0.7 in 120 s"), Kind.NETWORK, "Executors cannot reach your notebook."),
    (Ended(1, "Error", "javax.security.sasl.SaslException: Mismatched response"), Kind.NETWORK, "don't have the same secret."),
    (Ended(1, "Error", "java.io.InvalidClassException: org.apache.spark.X; local class incompatible"), Kind.MISMATCH, "is of another version than the notebook's."),
    (Ended(1, "Error", "UnsupportedClassVersionError: class file version 69.0"), Kind.MISMATCH, "does not fit this notebook."),
    (Ended(1, "Error", "Unrecognized VM option 'Foo'\nError: Could not create the Java Virtual Machine."), Kind.CRASH, "Unrecognized VM option 'Foo'"),
    (Ended(1, "Error", "java.io.IOException: No space left on device"), Kind.CRASH, "An executor's disk is full."),
    (Ended(128, "StartError", 'exec: "executor": executable file not found'), Kind.CRASH, "the image is not one for executors."),
    (Ended(143, "Error", ""), Kind.CRASH, "ended because something asked it to with exit code 143."),
    (Ended(1, "Error", "first\nlast line\n\tat org.apache.Frame(x)\n"), Kind.CRASH, "\n    first\n    last line"),
]  # fmt: skip


@pytest.mark.parametrize(("ended", "kind", "words"), ENDS, ids=lambda value: str(value)[:60])
def test_an_executor_that_crashed(ended: Ended, kind: Kind, words: str) -> None:
    check(crashed(ended, FACTS), kind, words)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("Evicted", "An executor on the node worker-3 is lost. The reason: its node ran short of memory or disk."),
        ("NodeLost", "its node does not answer any more"),
        ("DeletionByTaintManager", "does not answer any more"),
        ("EvictionByEvictionAPI", "is being emptied for maintenance"),
        ("PreemptionByScheduler", "higher priority"),
        ("TerminationByKubelet", "shut down"),
        ("OutOfcpu", "its node was full"),
    ],
)
def test_an_executor_whose_node_is_lost(word: str, words: str) -> None:
    reason = gone(replace(RUNNING, reason=(word, "The node was low on resource: memory."), leaving=True), FACTS)
    assert reason is not None
    check(reason, Kind.NODE, words)
    assert "Kubernetes says: The node was low on resource: memory." in reason.why


def test_a_phase_that_nobody_knows_is_a_lost_node() -> None:
    reason = gone(replace(RUNNING, phase="Unknown"), FACTS)
    assert reason is not None
    assert reason.kind is Kind.NODE


@pytest.mark.parametrize(
    "one",
    [
        WAITING,
        RUNNING,
        replace(RUNNING, phase="Succeeded", ended=Ended(0, "Completed", "")),
        replace(RUNNING, leaving=True, ended=Ended(143, "Error", "")),
        replace(RUNNING, leaving=True, ended=Ended(137, "Error", "")),
        replace(RUNNING, leaving=True),
    ],
)
def test_an_executor_that_lives_or_was_let_go_needs_no_reason(one: Executor) -> None:
    assert gone(one, FACTS) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "(exit code 137): something killed it, most often your instance's memory limit."),
        (137, "exit code 137"),
        (-6, "(exit code 134): it crashed"),
        (11, "(exit code 11): so many executors failed or were refused that Spark gave up."),
        (52, "its heap was full"),
        (143, "something asked it to end"),
        (1, "(exit code 1): the lines above may say why."),
    ],
)
def test_a_driver_that_ended(code: int, words: str) -> None:
    reason = driver_ended(code)
    check(reason, Kind.DRIVER, words)
    assert reason.fix
    assert reason.final


def test_silence_of_kubernetes() -> None:
    check(unanswered(12.4), Kind.API, "It has been silent for 12 s.")


def test_what_nobody_can_explain_points_to_the_log() -> None:
    check(unexplained(3), Kind.REFUSED, "3 are missing")


def test_the_last_lines_are_those_that_say_something() -> None:
    log = "\n".join(
        [
            *map(str, range(50)),
            "Exception in thread",
            "\tat a.b.c(X.java:1)",
            "Caused by: me",
            "\t... 12 more",
            "",
            "x" * 500,
        ]
    )
    lines = last_lines(log).splitlines()
    assert lines[-3:] == ["Exception in thread", "Caused by: me", "x" * 179 + "…"]
    assert len(lines) == 12


def test_a_pod_as_kubernetes_shows_it() -> None:
    pod = {
        "metadata": {
            "name": "flights-exec-1",
            "creationTimestamp": "2026-11-21T02:00:00Z",
            "labels": {"spark-exec-id": "1"},
            "deletionTimestamp": "2026-11-21T02:10:00Z",
        },
        "spec": {"nodeName": "worker-3"},
        "status": {
            "phase": "Failed",
            "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "m"}],
            "containerStatuses": [{"state": {"terminated": {"exitCode": 1, "reason": "Error", "message": "last\n"}}}],
        },
    }  # fmt: skip
    one = executor(pod)
    assert one == Executor(
        "flights-exec-1", "1", "Failed", created=one.created, ended=Ended(1, "Error", "last"), leaving=True,
        reason=("PreemptionByScheduler", "m"), node="worker-3",
    )  # fmt: skip
    assert not one.is_alive


def test_a_pod_that_is_brand_new() -> None:
    one = executor({"metadata": {"name": "x", "creationTimestamp": "2026-11-21T02:00:00Z"}})
    assert (one.phase, one.is_alive, one.started, one.unschedulable) == ("Pending", True, None, "")


def check(reason: Reason, kind: Kind, words: str) -> None:
    assert reason.kind is kind
    assert words in str(reason)
    for part in (reason.what, reason.why, reason.fix):
        assert part.endswith(".")
        assert ".." not in part
    assert str(reason.error()).startswith(reason.what)
