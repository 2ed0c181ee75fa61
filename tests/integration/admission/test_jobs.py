"""One job that is let in, and each of its fields broken one by one: started, scheduled, and as a run; and its pod, as the Job controller makes it."""

from __future__ import annotations

from typing import Any

import pytest
from spark_session.batch.cron_job import run_of
from spark_session.batch.manifest import JOB_NAME_LABEL

from tests.support.accounts import MERGE, Account, Answer
from tests.support.executors import changed
from tests.support.jobs import job_manifest, schedule_manifest

from .conftest import IMAGE, MESH, PREFIX, Platform

TEMPLATE = "spec:template"
POD = f"{TEMPLATE}:spec"
CONTAINER = f"{POD}:containers:0"
CONTROLLER = Account("kube-system", "job-controller")
CRON_CONTROLLER = Account("kube-system", "cronjob-controller")
SIDECAR = {
    "name": "mesh",
    "image": MESH,
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}


@pytest.fixture(scope="module")
def made(platform: Platform) -> dict[str, Any]:
    """As the helper makes it."""
    return job_manifest(platform.workspace.namespace, IMAGE)


@pytest.fixture(scope="module")
def scheduled(platform: Platform) -> dict[str, Any]:
    """A schedule of the same job, as the helper makes it."""
    return schedule_manifest(platform.workspace.namespace, IMAGE)


def make(platform: Platform, manifest: dict[str, Any], account: Account | None, kind: str = "jobs") -> Answer:
    path = f"/apis/batch/v1/namespaces/{platform.workspace.namespace}/{kind}?dryRun=All"
    return platform.api.call("POST", path, manifest, account)


def volume(**source: Any) -> dict[str, Any]:
    return {f"{POD}:volumes": [..., {"name": "more", **source}]}


TOKEN = {"serviceAccountToken": {"path": "token", "audience": "vault"}}

# What is changed, and what the refusal says. Where two policies refuse it, either may be heard.
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "another image": ({f"{CONTAINER}:image": "alpine:3"}, "run the image of their notebook"),
    "the default account": ({f"{POD}:serviceAccountName": "default"}, '"default" is not allowed'),
    "the account of executors": ({f"{POD}:serviceAccountName": "executor"}, 'a job runs as "notebook"'),
    "an owner": (
        {"metadata:ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}]},
        "belongs to nobody",
    ),
    "a finalizer": ({"metadata:finalizers": ["example.org/stay"]}, "has no finalizers"),
    "many at once": ({"spec:parallelism": 2}, "one driver at a time"),
    "many after one another": ({"spec:completions": 2}, "one driver at a time"),
    "endless retries": ({"spec:backoffLimit": 1000}, "one driver at a time"),
    "another controller": ({"spec:managedBy": "example.org/mine"}, "one driver at a time"),
    "never started": ({"spec:suspend": True}, "starts at once"),
    "no time limit": ({"spec:activeDeadlineSeconds": None}, "has a time limit"),
    "too long a time": ({"spec:activeDeadlineSeconds": 604801}, "has a time limit"),
    "kept for ever": ({"spec:ttlSecondsAfterFinished": None}, "has a time limit"),
    "kept too long": ({"spec:ttlSecondsAfterFinished": 604801}, "has a time limit"),
    "no label": ({f"{TEMPLATE}:metadata:labels:app.kubernetes.io/component": None}, "lacks one of the labels"),
    "the label of the hub's pods": ({f"{TEMPLATE}:metadata:labels:app.kubernetes.io/component": "hub"}, "lacks one of the labels"),
    "the label of notebooks": ({f"{TEMPLATE}:metadata:labels:component": "singleuser-server"}, "kept for other pods"),
    "the label of executors": ({f"{TEMPLATE}:metadata:labels:spark-role": "executor"}, "kept for other pods"),
    "the label of a session": ({f"{TEMPLATE}:metadata:labels:spark-notebooks.io/session": "0"}, "kept for other pods"),
    "an init container": ({f"{POD}:initContainers": [{**SIDECAR, "image": IMAGE}]}, "no init containers"),
    "a second container": ({f"{POD}:containers": [..., {**SIDECAR, "image": IMAGE}]}, "one container, not 2"),
    "host network": ({f"{POD}:hostNetwork": True}, "network, processes or memory of its node"),
    "a folder of the node": (volume(hostPath={"path": "/"}), 'volume "more" is not allowed'),
    "another secret": (volume(secret={"secretName": "other"}), 'volume "more" is not allowed'),
    "a volume claim": (volume(persistentVolumeClaim={"claimName": "home"}), 'volume "more" is not allowed'),
    "a token for others": (volume(projected={"sources": [TOKEN]}), 'volume "more" is not allowed'),
    "a projected secret": (volume(projected={"sources": [{"secret": {"name": "other"}}]}), 'volume "more"'),
    "variables from a secret": ({f"{CONTAINER}:envFrom": [{"secretRef": {"name": "other"}}]}, "may not take variables"),
    "a pull secret": ({f"{POD}:imagePullSecrets": [{"name": "other"}]}, "imagePullSecrets"),
    "a node": ({f"{POD}:nodeName": "node0"}, "scheduler chooses the node"),
    "a node's label": ({f"{POD}:nodeSelector": {"pool": "system"}}, "scheduler chooses the nodes"),
    "a toleration": ({f"{POD}:tolerations": [{"operator": "Exists"}]}, "tolerate taints"),
    "a priority class": ({f"{POD}:priorityClassName": "system-node-critical"}, "system-node-critical"),
    "another scheduler": ({f"{POD}:schedulerName": "mine"}, "own scheduler"),
    "no memory limit": ({f"{CONTAINER}:resources:limits": None}, "states its CPU"),
    "escalation": ({f"{CONTAINER}:securityContext:allowPrivilegeEscalation": True}, "without privileges"),
    "root": ({f"{POD}:securityContext:runAsUser": 0}, "without privileges"),
    "started again": ({f"{POD}:restartPolicy": "OnFailure", "spec:podFailurePolicy": None}, "ends for good"),
    "shared processes": ({f"{POD}:shareProcessNamespace": True}, "shares its processes"),
}  # fmt: skip

GOOD: dict[str, dict[str, Any]] = {
    "as it is": {},
    "a label of the person's": {f"{TEMPLATE}:metadata:labels:team": "blue"},
    "retries": {"spec:backoffLimit": 3},
    "the mesh's sidecar": {f"{POD}:containers": [..., SIDECAR]},
    "the taint that the administrator allows": {f"{POD}:tolerations": [{"key": "spark", "operator": "Exists"}]},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_job_is_let_in(platform: Platform, made: dict[str, Any], name: str) -> None:
    answer = make(platform, changed(made, GOOD[name]), platform.notebook_account)
    assert answer.allowed, answer.message


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_job_is_said(platform: Platform, made: dict[str, Any], name: str) -> None:
    changes, words = BROKEN[name]
    answer = make(platform, changed(made, changes), platform.notebook_account)
    assert "ValidatingAdmissionPolicy" in answer.message, answer
    assert words in answer.message


def somebody(platform: Platform, name: str) -> Account | None:
    """Who is not the notebook of this workspace; None is the administrator."""
    return {
        "hub": platform.hub_account,
        "administrator": None,
        "unbound token": Account(platform.workspace.namespace, "notebook"),
        "other workspace": Account(f"{PREFIX}other", "notebook", "11111111-2222-3333-4444-555555555555"),
        "cronjob-controller": CRON_CONTROLLER,
    }[name]


@pytest.mark.parametrize("account", ["hub", "administrator", "unbound token", "other workspace"])
def test_nobody_else_makes_jobs(platform: Platform, made: dict[str, Any], account: str) -> None:
    answer = make(platform, made, somebody(platform, account))
    assert not answer.allowed
    if account in {"administrator", "unbound token"}:
        assert "jobs are made by a notebook of this workspace" in answer.message


def in_schedule(changes: dict[str, Any]) -> dict[str, Any]:
    """The same changes of the job that a schedule makes."""
    return {f"spec:jobTemplate:{path}" if path.startswith("spec:") else path: value for path, value in changes.items()}


@pytest.mark.parametrize("name", GOOD)
def test_a_schedule_of_such_a_job_is_let_in(platform: Platform, scheduled: dict[str, Any], name: str) -> None:
    manifest = changed(scheduled, in_schedule(GOOD[name]))
    answer = make(platform, manifest, platform.notebook_account, "cronjobs")
    assert answer.allowed, answer.message


@pytest.mark.parametrize("name", BROKEN)
def test_a_schedule_smuggles_nothing_in_that_a_job_may_not_have(
    platform: Platform, scheduled: dict[str, Any], name: str
) -> None:
    changes, words = BROKEN[name]
    manifest = changed(scheduled, in_schedule(changes))
    answer = make(platform, manifest, platform.notebook_account, "cronjobs")
    assert "ValidatingAdmissionPolicy" in answer.message, answer
    assert words in answer.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spec:failedJobsHistoryLimit": 11}, "keeps at most 10 of the runs"),
        ({"spec:successfulJobsHistoryLimit": 11}, "keeps at most 10 of the runs"),
        ({"spec:jobTemplate:metadata:finalizers": ["example.org/stay"]}, "has no finalizers"),
        (
            {
                "spec:jobTemplate:metadata:ownerReferences": [
                    {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}
                ]
            },
            "belongs to nobody",
        ),
    ],
)
def test_what_is_wrong_with_a_schedule_is_said(
    platform: Platform, scheduled: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    answer = make(platform, changed(scheduled, changes), platform.notebook_account, "cronjobs")
    assert words in answer.message, answer


@pytest.mark.parametrize("changes", [{"spec:schedule": "0 25 * * *"}, {"spec:timeZone": "Europe/Nowhere"}])
def test_kubernetes_itself_refuses_times_and_time_zones_that_there_are_not(
    platform: Platform, scheduled: dict[str, Any], changes: dict[str, Any]
) -> None:
    answer = make(platform, changed(scheduled, changes), platform.notebook_account, "cronjobs")
    assert answer.status == 422


@pytest.mark.parametrize("account", ["hub", "administrator", "unbound token", "cronjob-controller"])
def test_nobody_else_makes_schedules(platform: Platform, scheduled: dict[str, Any], account: str) -> None:
    answer = make(platform, scheduled, somebody(platform, account), "cronjobs")
    assert not answer.allowed
    if account in {"administrator", "unbound token"}:
        assert "jobs are made by a notebook of this workspace" in answer.message


def owner(**changes: Any) -> dict[str, Any]:
    """A schedule, as what a run belongs to."""
    made = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "flights", "uid": "u"}
    return {**made, "controller": True, "blockOwnerDeletion": True, **changes}


def run(scheduled: dict[str, Any]) -> dict[str, Any]:
    """As the CronJob controller makes it."""
    return changed(run_of(scheduled, "29381234"), {"metadata:ownerReferences": [owner()]})


def test_the_controller_makes_the_runs_of_a_schedule(platform: Platform, scheduled: dict[str, Any]) -> None:
    answer = make(platform, run(scheduled), CRON_CONTROLLER)
    assert answer.allowed, answer.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metadata:ownerReferences": None}, "belongs to a schedule"),
        ({"metadata:ownerReferences": [owner(kind="Deployment", apiVersion="apps/v1")]}, "belongs to a schedule"),
        ({"metadata:ownerReferences": [owner(controller=False)]}, "belongs to a schedule"),
        (
            {"metadata:ownerReferences": [owner(), owner(uid="v", name="other", controller=False)]},
            "belongs to a schedule",
        ),
        ({"metadata:finalizers": ["example.org/stay"]}, "has no finalizers"),
        ({f"{CONTAINER}:image": "alpine:3"}, "run the image of their notebook"),
        ({f"{POD}:serviceAccountName": "executor"}, 'a job runs as "notebook"'),
        ({"spec:activeDeadlineSeconds": None}, "has a time limit"),
        (volume(secret={"secretName": "other"}), 'volume "more" is not allowed'),
    ],
)
def test_and_no_other_job(platform: Platform, scheduled: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    answer = make(platform, changed(run(scheduled), changes), CRON_CONTROLLER)
    assert words in answer.message, answer


def test_nobody_else_says_that_a_job_is_the_run_of_a_schedule(platform: Platform, scheduled: dict[str, Any]) -> None:
    assert "belongs to nobody" in make(platform, run(scheduled), platform.notebook_account).message
    assert "jobs are made by a notebook of this workspace" in make(platform, run(scheduled), None).message
    assert not make(platform, run(scheduled), CONTROLLER).allowed


def test_a_run_by_hand_is_a_job_as_others(platform: Platform, scheduled: dict[str, Any]) -> None:
    answer = make(platform, run_of(scheduled, "ab12cd"), platform.notebook_account)
    assert answer.allowed, answer.message


def test_a_schedule_that_is_there_can_be_paused_and_no_more(platform: Platform, scheduled: dict[str, Any]) -> None:
    path = f"/apis/batch/v1/namespaces/{platform.workspace.namespace}/cronjobs"
    answer = platform.api.call("POST", path, scheduled, platform.notebook_account)
    assert answer.allowed, answer

    def patch(content: dict[str, Any], account: Account | None = platform.notebook_account) -> Answer:
        return platform.api.call("PATCH", f"{path}/flights", content, account, MERGE)

    try:
        for suspend in (True, False, None, True):
            assert patch({"spec": {"suspend": suspend}}).allowed
        stored = platform.api.call("GET", f"{path}/flights", None, platform.notebook_account).content
        containers = stored["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        template = {"spec": {"containers": [{**containers[0], "args": ["true"]}]}}
        for spec in (
            {"schedule": "* * * * *"},
            {"timeZone": "Europe/Vienna"},
            {"concurrencyPolicy": "Allow"},
            {"startingDeadlineSeconds": None},
            {"failedJobsHistoryLimit": 9},
            {"suspend": False, "schedule": "* * * * *"},
            {"jobTemplate": {"spec": {"activeDeadlineSeconds": 604800}}},
            {"jobTemplate": {"spec": {"template": template}}},
            {"jobTemplate": {"metadata": {"annotations": {"more": "x"}}}},
        ):
            for account in (platform.notebook_account, None):
                assert "can be paused and resumed, and not changed" in patch({"spec": spec}, account).message, spec
        assert "annotations" in patch({"metadata": {"annotations": {"more": "x"}}}).message
        assert "finalizers" in patch({"metadata": {"finalizers": ["example.org/stay"]}}).message
        assert "owner" in patch({"metadata": {"ownerReferences": [owner()]}}).message
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"}
        assert not platform.api.call("DELETE", f"{path}/flights", options, platform.notebook_account).allowed
    finally:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        assert platform.api.call("DELETE", f"{path}/flights", options, platform.notebook_account).allowed


def pod_of(platform: Platform, made: dict[str, Any]) -> dict[str, Any]:
    """As the Job controller makes it."""
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": "flights-1",
        "uid": "u",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {**made["spec"]["template"]["metadata"]["labels"], JOB_NAME_LABEL: "flights-1", "job-name": "flights-1"}
    metadata = {
        "generateName": "flights-1-", "namespace": platform.workspace.namespace, "labels": labels, "ownerReferences": [owner],
        "finalizers": ["batch.kubernetes.io/job-tracking"],
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": made["spec"]["template"]["spec"]}


def test_the_controller_makes_the_pod_of_a_job(platform: Platform, made: dict[str, Any]) -> None:
    answer = platform.api.dry_run(pod_of(platform, made), CONTROLLER)
    assert answer.allowed, answer.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metadata:ownerReferences": None}, "belongs to a Job"),
        ({"metadata:ownerReferences:0:kind": "ReplicaSet", "metadata:ownerReferences:0:apiVersion": "apps/v1"}, "belongs to a Job"),
        ({"metadata:labels:app.kubernetes.io/component": "hub"}, "lacks one of the labels"),
        ({"spec:containers:0:image": "alpine:3"}, "run the image of their notebook"),
        ({"spec:volumes": [..., {"name": "more", "secret": {"secretName": "other"}}]}, 'volume "more" is not allowed'),
    ],
)  # fmt: skip
def test_and_no_other_pod(platform: Platform, made: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    answer = platform.api.dry_run(changed(pod_of(platform, made), changes), CONTROLLER)
    assert words in answer.message, answer


@pytest.mark.parametrize("who", ["notebook", "administrator"])
def test_nobody_but_the_controller_makes_it(platform: Platform, made: dict[str, Any], who: str) -> None:
    account = platform.notebook_account if who == "notebook" else None
    assert "only the hub makes pods that run as" in platform.api.dry_run(pod_of(platform, made), account).message


def test_a_job_that_is_there_stays_what_it_was(platform: Platform, made: dict[str, Any]) -> None:
    # It waits for ever: no node has the label that the administrator allows.
    waiting = changed(made, {"metadata:name": "waiting", f"{POD}:nodeSelector": {"pool": "spark"}})
    path = f"/apis/batch/v1/namespaces/{platform.workspace.namespace}/jobs"
    answer = platform.api.call("POST", path, waiting, platform.notebook_account)
    assert answer.allowed, answer
    try:
        patch = {"spec": {"activeDeadlineSeconds": 604800}}
        refused = platform.api.call("PATCH", f"{path}/waiting", patch, None, "application/merge-patch+json")
        assert "a pod or job that is there cannot be changed" in refused.message
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"}
        refused = platform.api.call("DELETE", f"{path}/waiting", options, platform.notebook_account)
        assert "a job with its pod" in refused.message
    finally:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        assert platform.api.call("DELETE", f"{path}/waiting", options, platform.notebook_account).allowed
