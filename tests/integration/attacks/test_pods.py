"""Pods that a notebook might wish for, and is refused: its right to create pods is a right to create executors."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.executors import changed, executor_pod

from .conftest import AUDIENCE, CORE, Attack, Report, Situation, assert_refused, carry_out

OWN = f"{CORE}/namespaces/EVES_NAMESPACE/pods"
CONTAINER = "spec:containers:0"
STRATEGIC = "application/strategic-merge-patch+json"


def executor() -> dict[str, Any]:
    pod = executor_pod("EVES_NAMESPACE", "THE_IMAGE", "EVES_UID", Path(tempfile.gettempdir()), AUDIENCE)
    # By a name of its own, so that nothing is left of an attack that succeeds but what the test sees.
    return changed(
        pod, {f"{CONTAINER}:resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}}
    )


EXECUTOR = executor()
SECOND = {**EXECUTOR["spec"]["containers"][0], "name": "second", "volumeMounts": []}


def pod(refusal: str, changes: dict[str, Any]) -> Attack:
    return Attack("POST", OWN, refusal, changed(EXECUTOR, changes))


def volume(**source: Any) -> dict[str, Any]:
    return {"spec:volumes": [..., {"name": "more", **source}]}


def notebook(refusal: str, patch: dict[str, Any]) -> Attack:
    return Attack("PATCH", f"{OWN}/notebook", refusal, patch, STRATEGIC)


POLICY, STANDARD = "ValidatingAdmissionPolicy", "violates PodSecurity"
ATTACKS = {
    "privileged": pod(STANDARD, {f"{CONTAINER}:securityContext:privileged": True, f"{CONTAINER}:securityContext:allowPrivilegeEscalation": True}),
    "root": pod(STANDARD, {"spec:securityContext:runAsUser": 0, "spec:securityContext:runAsNonRoot": False}),
    "a capability": pod(STANDARD, {f"{CONTAINER}:securityContext:capabilities:add": ["SYS_ADMIN"]}),
    "the node's files": pod(STANDARD, volume(hostPath={"path": "/"})),
    "the node's network": pod(STANDARD, {"spec:hostNetwork": True}),
    "the node's processes": pod(STANDARD, {"spec:hostPID": True}),
    "a port of the node": pod(STANDARD, {f"{CONTAINER}:ports": [{"containerPort": 80, "hostPort": 80}]}),
    "the notebook's account": pod("only the hub makes pods", {"spec:serviceAccountName": "notebook"}),
    "the default account": pod('"default" is not allowed', {"spec:serviceAccountName": "default"}),
    "a token of the API": pod("no token", {"spec:automountServiceAccountToken": True}),
    "a projected token": pod(POLICY, volume(projected={"sources": [{"serviceAccountToken": {"path": "t"}}]})),
    "a token for others": pod('volume "more"', volume(projected={"sources": [{"serviceAccountToken": {"path": "t", "audience": "sts.amazonaws.com"}}]})),
    "a foreign image": pod("run the image of their notebook", {f"{CONTAINER}:image": "docker.io/library/alpine:3"}),
    "the hub's image": pod("run the image of their notebook", {f"{CONTAINER}:image": "HUBS_IMAGE"}),
    "a foreign secret": pod('volume "more"', volume(secret={"secretName": "other"})),
    "a foreign secret in variables": pod("may not take variables", {f"{CONTAINER}:envFrom": [{"secretRef": {"name": "other"}}]}),
    "a config map": pod('volume "more"', volume(configMap={"name": "kube-root-ca.crt"})),
    "a volume claim": pod('volume "more"', volume(persistentVolumeClaim={"claimName": "home"})),
    "a network disk": pod(STANDARD, volume(nfs={"server": "10.0.0.1", "path": "/"})),
    "a foreign pull secret": pod("imagePullSecrets", {"spec:imagePullSecrets": [{"name": "other"}]}),
    "a chosen node": pod("scheduler chooses the node", {"spec:nodeName": "node0"}),
    "a chosen label of nodes": pod("scheduler chooses the nodes", {"spec:nodeSelector": {"kubernetes.io/hostname": "node0"}}),
    "a node for itself": pod(
        "scheduler chooses the nodes",
        {"spec:affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname", "namespaceSelector": {}}]}}},
    ),
    "any taint": pod("tolerate taints", {"spec:tolerations": [{"operator": "Exists"}]}),
    "the nodes of another group": pod("one of your profiles: spot", {"spec:nodeSelector": {"accelerator": "a100"}, "spec:tolerations": [{"key": "gpu", "operator": "Exists"}]}),
    "the taint of another group's nodes": pod("tolerate taints", {"spec:tolerations": [{"key": "gpu", "operator": "Exists"}]}),
    "a taint of a profile, without its nodes": pod("tolerate taints", {"spec:tolerations": [{"key": "spot"}]}),
    "more taints than those of a profile": pod(
        "one of your profiles: spot", {"spec:nodeSelector": {"pool": "spot"}, "spec:tolerations": [{"key": "spot"}, {"operator": "Exists"}]}
    ),
    "the highest priority": pod("system-node-critical", {"spec:priorityClassName": "system-node-critical"}),
    "another scheduler": pod("own scheduler", {"spec:schedulerName": "mine"}),
    "no owner": pod("has one owner", {"metadata:ownerReferences": None}),
    "another's pod as owner": pod("has one owner", {"metadata:ownerReferences:0:uid": "BOBS_UID"}),
    "no owner, after it is made": Attack(
        "DELETE", f"{OWN}/notebook", "together with the executors",
        {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"},
    ),
    "a sidecar": pod("one container, not 2", {"spec:containers": [..., SECOND]}),
    "an init container": pod("no init containers", {"spec:initContainers": [SECOND]}),
    "without limits": pod("states its CPU", {f"{CONTAINER}:resources": {}}),
    "forever": pod("ends for good", {"spec:restartPolicy": "Always"}),
    "a long farewell": pod("ends for good", {"spec:terminationGracePeriodSeconds": 86400}),
    "a finalizer": pod("finalizers", {"metadata:finalizers": ["example.org/stay"]}),
    "in no session": pod("lacks one of the labels", {"metadata:labels:spark-notebooks.io/session": None}),
    "as a notebook, for the hub's watch": pod("kept for other pods", {"metadata:labels:component": "singleuser-server"}),
    "as a part of the hub": pod("lacks one of the labels", {"metadata:labels:app.kubernetes.io/component": "hub"}),
    "as another's": pod("kept for other pods", {"metadata:labels:spark-notebooks.io/workspace": "bob"}),
    "as a job's": pod("kept for other pods", {"metadata:labels:batch.kubernetes.io/job-name": "nightly"}),
    "another image for the notebook": notebook("cannot be changed", {"spec": {"containers": [{"name": "notebook", "image": "alpine:3"}]}}),
    "other labels for the notebook": notebook('the label "component"', {"metadata": {"labels": {"component": "executor"}}}),
    "another user for the notebook": notebook("annotations of a pod", {"metadata": {"annotations": {"hub.jupyter.org/username": "bob"}}}),
    "a finalizer for the notebook": notebook("finalizers of a pod", {"metadata": {"finalizers": ["example.org/stay"]}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def report(situation: Situation) -> Report:
    return carry_out(situation, ATTACKS)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_pod_is_refused(report: Report, name: str) -> None:
    assert_refused(report, ATTACKS, name)


def test_the_executor_that_the_attacks_are_made_of_is_let_in(situation: Situation) -> None:
    """Else all of them could be refused for the same reason."""
    sent = situation.send({"as it is": Attack("POST", f"{OWN}?dryRun=All", "", EXECUTOR)})
    assert sent["as it is"].status == 201, sent


def test_so_is_one_on_the_nodes_of_a_profile_of_hers(situation: Situation) -> None:
    placed = changed(EXECUTOR, {"spec:nodeSelector": {"pool": "spot"}, "spec:tolerations": [{"key": "spot"}]})
    sent = situation.send({"placed": Attack("POST", f"{OWN}?dryRun=All", "", placed)})
    assert sent["placed"].status == 201, sent
