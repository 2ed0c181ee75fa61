"""One job that is let in, and each of its fields broken one by one; and its pod, as the Job controller makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spark_session.batch.code import Code
from spark_session.batch.manifest import JOB_NAME_LABEL, Place, job
from spark_session.batch.request import JobRequest
from spark_session.environment import S3, Credentials, Workspace

from tests.support.accounts import Account, Answer
from tests.support.executors import changed

from .conftest import IMAGE, MESH, PREFIX, Platform

TEMPLATE = "spec:template"
POD = f"{TEMPLATE}:spec"
CONTAINER = f"{POD}:containers:0"
CONTROLLER = Account("kube-system", "job-controller")
SIDECAR = {
    "name": "mesh",
    "image": MESH,
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}


@pytest.fixture(scope="module")
def made(platform: Platform) -> dict[str, Any]:
    """As the helper makes it."""
    folder = Path("/var/run/secrets/spark-notebooks")
    workspace = Workspace(
        platform.workspace.namespace, "notebook", "10.0.0.7", "", IMAGE, "IfNotPresent", folder / "a" / "secret"
    )
    s3 = S3("s3://notebooks/users/ada", None, "eu-central-1", Credentials.PROFILE, folder / "s3" / "credentials")
    request = JobRequest("flights.py", b"", ("a",), "flights", 2, 7200)
    return job(
        "flights-1", request, Code("s3://notebooks/users/ada/.spark-jobs/code/0/flights.py", "0"), Place(workspace, s3)
    )


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


@pytest.mark.parametrize("account", ["hub", "administrator", "unbound token", "other workspace"])
def test_nobody_else_makes_jobs(platform: Platform, made: dict[str, Any], account: str) -> None:
    who = {
        "hub": platform.hub_account,
        "administrator": None,
        "unbound token": Account(platform.workspace.namespace, "notebook"),
        "other workspace": Account(f"{PREFIX}other", "notebook", "11111111-2222-3333-4444-555555555555"),
    }[account]
    answer = make(platform, made, who)
    assert not answer.allowed
    if account in {"administrator", "unbound token"}:
        assert "jobs are made by a notebook of this workspace" in answer.message


def test_nobody_makes_schedules(platform: Platform, made: dict[str, Any]) -> None:
    spec = {"schedule": "@daily", "jobTemplate": {"spec": made["spec"]}}
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": spec}
    assert "schedules (CronJobs) cannot be made here" in make(platform, cron, None, "cronjobs").message


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
