"""One executor that is let in, and each of its fields broken one by one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.accounts import Account
from tests.support.executors import changed

from .conftest import IMAGE, MESH, PREFIX, Platform

CONTAINER = "spec:containers:0"
SECOND = {
    "name": "second",
    "image": IMAGE,
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
SIDECAR = {**SECOND, "name": "mesh", "image": MESH}


def volume(**source: Any) -> dict[str, Any]:
    return {"spec:volumes": [..., {"name": "more", **source}]}


def variable(**source: Any) -> dict[str, Any]:
    return {f"{CONTAINER}:env": [{"name": "MORE", "valueFrom": source}]}


def owner(**changes: Any) -> dict[str, Any]:
    return {f"metadata:ownerReferences:0:{key}": value for key, value in changes.items()}


SECRET_KEY = {"name": "other", "key": "k"}
TOKEN = {"serviceAccountToken": {"path": "token", "audience": "https://kubernetes.default.svc"}}
LEAST = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node0"]}]}]}
OTHERS_OUT = {"topologyKey": "kubernetes.io/hostname", "namespaceSelector": {}}
SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}

# What is changed, and what the refusal says. Where two policies refuse it, either may be heard.
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "another image": ({f"{CONTAINER}:image": "docker.io/library/alpine:3"}, "run the image of their notebook"),
    "an image that stands beside notebooks": ({f"{CONTAINER}:image": "tool:1"}, "run the image of their notebook"),
    "the default account": ({"spec:serviceAccountName": "default"}, '"default" is not allowed'),
    "the notebook's account": ({"spec:serviceAccountName": "notebook"}, "only the hub makes pods"),
    "no owner": ({"metadata:ownerReferences": None}, "has one owner"),
    "two owners": (
        {"metadata:ownerReferences": [..., {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}]},
        "has one owner",
    ),
    "another pod as owner": (owner(uid="99999999-2222-3333-4444-555555555555"), "has one owner"),
    "an owner of another kind": (owner(kind="ConfigMap"), "has one owner"),
    "an owner of another API": (owner(apiVersion="apps/v1", kind="Pod"), "has one owner"),
    "no session": ({"metadata:labels:spark-notebooks.io/session": None}, "lacks one of the labels"),
    "no number": ({"metadata:labels:spark-exec-id": None}, "lacks one of the labels"),
    "another role": ({"metadata:labels:spark-role": "driver"}, "lacks one of the labels"),
    "managed by another": ({"metadata:labels:app.kubernetes.io/managed-by": "Helm"}, "lacks one of the labels"),
    "another component": ({"metadata:labels:app.kubernetes.io/component": "hub"}, "lacks one of the labels"),
    "the label of notebooks": ({"metadata:labels:component": "singleuser-server"}, "kept for other pods"),
    "a label of the hub": ({"metadata:labels:hub.jupyter.org/username": "eve"}, "kept for other pods"),
    "a label of the platform": ({"metadata:labels:spark-notebooks.io/workspace": "eve"}, "kept for other pods"),
    "an application's label": ({"metadata:labels:app.kubernetes.io/name": "x"}, "kept for other pods"),
    "a job's label": ({"metadata:labels:batch.kubernetes.io/job-name": "x"}, "kept for other pods"),
    "a finalizer": ({"metadata:finalizers": ["example.org/stay"]}, "finalizers"),
    "a second container": ({"spec:containers": [..., SECOND]}, "one container, not 2"),
    "only a sidecar": ({f"{CONTAINER}:image": MESH}, "one container, not 0"),
    "an init container": ({"spec:initContainers": [SECOND]}, "no init containers"),
    "host network": ({"spec:hostNetwork": True}, "network, processes or memory of its node"),
    "host processes": ({"spec:hostPID": True}, "network, processes or memory of its node"),
    "host memory": ({"spec:hostIPC": True}, "network, processes or memory of its node"),
    "a port of the node": ({f"{CONTAINER}:ports": [{"containerPort": 80, "hostPort": 80}]}, "port of its node"),
    "a folder of the node": (volume(hostPath={"path": "/"}), 'volume "more" is not allowed'),
    "a node": ({"spec:nodeName": "node0"}, "scheduler chooses the node"),
    "a node's label": ({"spec:nodeSelector": {"pool": "system"}}, "scheduler chooses the nodes"),
    "affinity to a node": (
        {"spec:affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": LEAST}}},
        "scheduler chooses the nodes",
    ),
    "nobody else on the node": (
        {"spec:affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [OTHERS_OUT]}}},
        "scheduler chooses the nodes",
    ),
    "a spread": ({"spec:topologySpreadConstraints": [SPREAD]}, "scheduler chooses the nodes"),
    "a toleration": ({"spec:tolerations": [{"key": "node-role.kubernetes.io/control-plane"}]}, "tolerate taints"),
    "all tolerations": ({"spec:tolerations": [{"operator": "Exists"}]}, "tolerate taints"),
    "a priority class": ({"spec:priorityClassName": "system-node-critical"}, "system-node-critical"),
    "another scheduler": ({"spec:schedulerName": "mine"}, "own scheduler"),
    "a volume claim": (volume(persistentVolumeClaim={"claimName": "home"}), 'volume "more" is not allowed'),
    "a volume made with it": (
        volume(ephemeral={"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}),
        'volume "more" is not allowed',
    ),
    "another secret": (volume(secret={"secretName": "other"}), 'volume "more" is not allowed'),
    "a config map": (volume(configMap={"name": "kube-root-ca.crt"}), 'volume "more" is not allowed'),
    "a token of the API": (volume(projected={"sources": [TOKEN]}), 'volume "more" is not allowed'),
    "a token of any audience": (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "token"}}]}),
        'volume "more" is not allowed',
    ),
    "a projected secret": (volume(projected={"sources": [{"secret": {"name": "other"}}]}), 'volume "more"'),
    "a network disk": (volume(nfs={"server": "10.0.0.1", "path": "/"}), 'volume "more" is not allowed'),
    "variables from a secret": ({f"{CONTAINER}:envFrom": [{"secretRef": {"name": "other"}}]}, "may not take variables"),
    "variables from a config map": ({f"{CONTAINER}:envFrom": [{"configMapRef": {"name": "x"}}]}, "may not take variables"),
    "a variable from a secret": (variable(secretKeyRef=SECRET_KEY), "may not take variables"),
    "a variable from a config map": (variable(configMapKeyRef=SECRET_KEY), "may not take variables"),
    "a pull secret": ({"spec:imagePullSecrets": [{"name": "other"}]}, "imagePullSecrets"),
    "no memory limit": ({f"{CONTAINER}:resources:limits": None}, "states its CPU"),
    "no request of CPU": ({f"{CONTAINER}:resources:requests": {"memory": "1Gi"}}, "states its CPU"),
    "a token": ({"spec:automountServiceAccountToken": True}, "no token"),
    "privileged": (
        {f"{CONTAINER}:securityContext:privileged": True, f"{CONTAINER}:securityContext:allowPrivilegeEscalation": True},
        "privileg",
    ),
    "escalation": ({f"{CONTAINER}:securityContext:allowPrivilegeEscalation": True}, "without privileges"),
    "a capability": ({f"{CONTAINER}:securityContext:capabilities:add": ["NET_ADMIN"]}, "without privileges"),
    "all capabilities": ({f"{CONTAINER}:securityContext:capabilities": None}, "without privileges"),
    "root": ({"spec:securityContext:runAsUser": 0}, "without privileges"),
    "root in the container": ({f"{CONTAINER}:securityContext:runAsUser": 0}, "without privileges"),
    "no seccomp": ({"spec:securityContext:seccompProfile": {"type": "Unconfined"}}, "without privileges"),
    "a setting of the kernel": (
        {"spec:securityContext:sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]},
        "without privileges",
    ),
    "started again": ({"spec:restartPolicy": "Always"}, "ends for good"),
    "a long farewell": ({"spec:terminationGracePeriodSeconds": 86400}, "ends for good"),
    "shared processes": ({"spec:shareProcessNamespace": True}, "shares its processes"),
}  # fmt: skip

GOOD: dict[str, dict[str, Any]] = {
    "as it is": {},
    "a label of the person's": {"metadata:labels:team": "blue"},
    "an annotation": {"metadata:annotations": {"team": "blue"}},
    "more scratch space": volume(emptyDir={"medium": "Memory"}),
    "the node's label that spark.conf names": {"spec:nodeSelector": {"pool": "spark"}},
    "the taint that the administrator allows": {"spec:tolerations": [{"key": "spark", "operator": "Exists"}]},
    "the mesh's sidecar": {"spec:containers": [..., SIDECAR], "spec:initContainers": [{**SIDECAR, "name": "first"}]},
    "volumes of the sidecar": {
        "spec:containers": [..., {**SIDECAR, "volumeMounts": [{"name": "more", "mountPath": "/ca"}]}],
        **volume(projected={"sources": [{"serviceAccountToken": {"path": "token", "audience": "mesh"}}]}),
    },
    "the host name": {f"{CONTAINER}:env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
}


@pytest.mark.parametrize("name", GOOD)
def test_an_executor_is_let_in(platform: Platform, name: str) -> None:
    answer = platform.api.dry_run(changed(platform.executor, GOOD[name]), platform.notebook_account)
    assert answer.allowed, answer.message


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_an_executor_is_said(platform: Platform, name: str) -> None:
    changes, words = BROKEN[name]
    answer = platform.api.dry_run(changed(platform.executor, changes), platform.notebook_account)
    assert "ValidatingAdmissionPolicy" in answer.message, answer
    assert words in answer.message


@pytest.mark.parametrize(
    "source", [{"secret": {"secretName": "other"}}, {"hostPath": {"path": "/"}}, {"persistentVolumeClaim": {"claimName": "x"}}]
)  # fmt: skip
def test_a_sidecar_brings_nothing_but_what_a_mesh_needs(platform: Platform, source: dict[str, Any]) -> None:
    sidecar = {**SIDECAR, "volumeMounts": [{"name": "more", "mountPath": "/more"}]}
    pod = changed(platform.executor, {"spec:containers": [..., sidecar], **volume(**source)})
    assert "denied request" in platform.api.dry_run(pod, platform.notebook_account).message


def test_an_executor_does_not_mount_what_is_the_sidecar_s(platform: Platform) -> None:
    mount = {"name": "more", "mountPath": "/more"}
    pod = changed(
        platform.executor,
        {
            "spec:containers": [..., SIDECAR],
            **volume(projected={"sources": [TOKEN]}),
            f"{CONTAINER}:volumeMounts": [..., mount],
        },
    )
    answer = platform.api.dry_run(pod, platform.notebook_account)
    assert 'volume "more" is not allowed' in answer.message


@pytest.mark.parametrize("account", ["executor", "default", "hub", "administrator", "unbound token", "other workspace"])
def test_nobody_else_makes_executors(platform: Platform, account: str) -> None:
    namespace = platform.workspace.namespace
    accounts = {
        "hub": platform.hub_account,
        "administrator": None,
        "unbound token": Account(namespace, "notebook"),
        "other workspace": Account(f"{PREFIX}other", "notebook", "11111111-2222-3333-4444-555555555555"),
    }
    who = accounts.get(account, Account(namespace, account))
    answer = platform.api.dry_run(platform.executor, who)
    assert not answer.allowed
    if account in {"hub", "administrator"}:
        assert "executors are made by a notebook of this workspace" in answer.message
    if account == "unbound token":
        assert "has one owner" in answer.message
