"""What a notebook's own token does at the Kubernetes API beside its executors: nothing."""

from __future__ import annotations

import pytest

from .conftest import CORE, RBAC, REGISTRATION, Attack, Report, Situation, assert_refused, carry_out

MERGE = "application/merge-patch+json"
OWN, BOBS = f"{CORE}/namespaces/EVES_NAMESPACE", f"{CORE}/namespaces/BOBS_NAMESPACE"
SUBJECT = {"kind": "ServiceAccount", "name": "notebook", "namespace": "EVES_NAMESPACE"}
ADMIN = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
EVERYTHING = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
ANY_JOB = {
    "metadata": {"name": "j"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "serviceAccountName": "notebook", "containers": [{"name": "job", "image": "alpine:3"}]}}},
}  # fmt: skip
# As the CronJob controller makes a run, and so that it would be taken away with a schedule that is not there.
ANY_RUN = {
    "metadata": {
        "name": "r", "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "s", "uid": "u", "controller": True}],
    },
    "spec": ANY_JOB["spec"],
}  # fmt: skip
ANY_SCHEDULE = {"metadata": {"name": "s"}, "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": ANY_JOB["spec"]}}}

ATTACKS = {
    "list all namespaces": Attack("GET", f"{CORE}/namespaces", "cannot list resource"),
    "relabel one's workspace": Attack(
        "PATCH", OWN, "cannot patch resource", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}, MERGE
    ),
    "make a namespace": Attack("POST", f"{CORE}/namespaces", "cannot create resource", {"metadata": {"name": "mine"}}),
    "delete another's workspace": Attack("DELETE", BOBS, "cannot delete resource"),
    "read one's own secrets": Attack("GET", f"{OWN}/secrets", "cannot list resource"),
    "read one's secret by name": Attack("GET", f"{OWN}/secrets/spark-authentication", "cannot get resource"),
    "read another's secret": Attack("GET", f"{BOBS}/secrets/spark-authentication", "cannot get resource"),
    "read the hub's secret": Attack("GET", f"{CORE}/namespaces/RELEASE/secrets/FULLNAME-hub", "cannot get resource"),
    "read all secrets": Attack("GET", f"{CORE}/secrets", "cannot list resource"),
    "change one's secret": Attack("PATCH", f"{OWN}/secrets/spark-authentication", "cannot patch resource", {"data": {}}, MERGE),
    "make a secret with a token": Attack(
        "POST", f"{OWN}/secrets", "cannot create resource",
        {"metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "notebook"}}, "type": "kubernetes.io/service-account-token"},
    ),
    "make a service account": Attack("POST", f"{OWN}/serviceaccounts", "cannot create resource", {"metadata": {"name": "me"}}),
    "a token that no pod holds": Attack("POST", f"{OWN}/serviceaccounts/notebook/token", "cannot create resource", {"spec": {}}),
    "a token of another's notebook": Attack("POST", f"{BOBS}/serviceaccounts/notebook/token", "cannot create resource", {"spec": {}}),
    "a token of the hub": Attack(
        "POST", f"{CORE}/namespaces/RELEASE/serviceaccounts/FULLNAME-hub/token", "cannot create resource", {"spec": {}}
    ),
    "a role of one's own": Attack(
        "POST", f"{RBAC}/namespaces/EVES_NAMESPACE/roles", "cannot create resource", {"metadata": {"name": "all"}, **EVERYTHING}
    ),
    "more rights in one's workspace": Attack(
        "POST", f"{RBAC}/namespaces/EVES_NAMESPACE/rolebindings", "cannot create resource",
        {"metadata": {"name": "all"}, "roleRef": ADMIN, "subjects": [SUBJECT]},
    ),
    "all rights everywhere": Attack(
        "POST", f"{RBAC}/clusterrolebindings", "cannot create resource",
        {"metadata": {"name": "all"}, "roleRef": ADMIN, "subjects": [SUBJECT]},
    ),
    "a larger role for all notebooks": Attack(
        "PATCH", f"{RBAC}/clusterroles/FULLNAME-workspace-notebook", "cannot patch resource", EVERYTHING, MERGE
    ),
    "list another's pods": Attack("GET", f"{BOBS}/pods", "cannot list resource"),
    "list all pods": Attack("GET", f"{CORE}/pods", "cannot list resource"),
    "read another's log": Attack("GET", f"{BOBS}/pods/notebook/log", "cannot get resource"),
    "delete another's notebook": Attack("DELETE", f"{BOBS}/pods/notebook", "cannot delete resource"),
    "make an executor in another's workspace": Attack("POST", f"{BOBS}/pods", "cannot create resource", {"metadata": {"name": "x"}}),
    "run a command in another's notebook": Attack(
        "POST", f"{BOBS}/pods/notebook/exec?command=id&stdout=1", "cannot create resource"
    ),
    "run a command in one's own pods": Attack("POST", f"{OWN}/pods/notebook/exec?command=id&stdout=1", "cannot create resource"),
    "attach to another's notebook": Attack("POST", f"{BOBS}/pods/notebook/attach?stdout=1", "cannot create resource"),
    "a tunnel to another's notebook": Attack("POST", f"{BOBS}/pods/notebook/portforward?ports=8888", "cannot create resource"),
    "another's notebook through the API server": Attack("GET", f"{BOBS}/pods/notebook:8888/proxy/", "cannot get resource"),
    "the hub through the API server": Attack(
        "GET", f"{CORE}/namespaces/RELEASE/services/FULLNAME-hub:8081/proxy/", "cannot get resource"
    ),
    "a debug container in one's notebook": Attack(
        "PATCH", f"{OWN}/pods/notebook/ephemeralcontainers", "cannot patch resource",
        {"spec": {"ephemeralContainers": [{"name": "d", "image": "THE_IMAGE"}]}}, "application/strategic-merge-patch+json",
    ),
    "a larger notebook in place": Attack(
        "PATCH", f"{OWN}/pods/notebook/resize", "cannot patch resource", {"spec": {}}, "application/strategic-merge-patch+json"
    ),
    "put a pod on a node": Attack(
        "POST", f"{OWN}/pods/notebook/binding", "cannot create resource", {"target": {"kind": "Node", "name": "node0"}}
    ),
    "a larger quota": Attack("PATCH", f"{OWN}/resourcequotas/workspace", "cannot patch resource", {"spec": {"hard": {}}}, MERGE),
    "no quota": Attack("DELETE", f"{OWN}/resourcequotas/workspace", "cannot delete resource"),
    "no limits": Attack("DELETE", f"{OWN}/limitranges/workspace", "cannot delete resource"),
    "another image for one's workspace": Attack(
        "PATCH", OWN, "cannot patch resource", {"metadata": {"annotations": {"image.spark-notebooks.io/mine": "alpine:3"}}}, MERGE
    ),
    "a policy less": Attack("DELETE", f"{REGISTRATION}/validatingadmissionpolicybindings/FULLNAME-workspace-executors", "cannot delete resource"),
    "a webhook that sees all": Attack(
        "POST", f"{REGISTRATION}/mutatingwebhookconfigurations", "cannot create resource", {"metadata": {"name": "mine"}}
    ),
    "list the nodes": Attack("GET", f"{CORE}/nodes", "cannot list resource"),
    "a node's own API": Attack("GET", f"{CORE}/nodes/node0/proxy/pods", "cannot get resource"),
    "taint a node": Attack("PATCH", f"{CORE}/nodes/node0", "cannot patch resource", {"spec": {"unschedulable": True}}, MERGE),
    "a service that takes others' traffic": Attack(
        "POST", f"{OWN}/services", "cannot create resource",
        {"metadata": {"name": "s"}, "spec": {"externalIPs": ["10.96.0.1"], "ports": [{"port": 443}]}},
    ),
    "a volume of a node's folder": Attack("POST", f"{CORE}/persistentvolumes", "cannot create resource", {"metadata": {"name": "v"}}),
    "a deployment": Attack("POST", "/apis/apps/v1/namespaces/EVES_NAMESPACE/deployments", "cannot create resource", {"metadata": {"name": "d"}}),
    "a schedule of any shape": Attack("POST", "/apis/batch/v1/namespaces/EVES_NAMESPACE/cronjobs", "denied request", ANY_SCHEDULE),
    "a run of a schedule": Attack("POST", "/apis/batch/v1/namespaces/EVES_NAMESPACE/jobs", "denied request", ANY_RUN),
    "a schedule in another's workspace": Attack(
        "POST", "/apis/batch/v1/namespaces/BOBS_NAMESPACE/cronjobs", "cannot create resource", {"metadata": {"name": "s"}}
    ),
    "pause another's schedule": Attack(
        "PATCH", "/apis/batch/v1/namespaces/BOBS_NAMESPACE/cronjobs/s", "cannot patch resource", {"spec": {"suspend": True}}, MERGE
    ),
    "write when a schedule ran last": Attack(
        "PATCH", "/apis/batch/v1/namespaces/EVES_NAMESPACE/cronjobs/s/status", "cannot patch resource",
        {"status": {"lastScheduleTime": "2020-01-01T00:00:00Z"}}, MERGE,
    ),
    "a job in another's workspace": Attack(
        "POST", "/apis/batch/v1/namespaces/BOBS_NAMESPACE/jobs", "cannot create resource", {"metadata": {"name": "j"}}
    ),
    "change a job": Attack(
        "PATCH", "/apis/batch/v1/namespaces/EVES_NAMESPACE/jobs/j", "cannot patch resource", {"spec": {"parallelism": 9}}, MERGE
    ),
    "a job of any shape": Attack("POST", "/apis/batch/v1/namespaces/EVES_NAMESPACE/jobs", "denied request", ANY_JOB),
    "no network policy": Attack(
        "DELETE", "/apis/networking.k8s.io/v1/namespaces/EVES_NAMESPACE/networkpolicies", "cannot deletecollection resource"
    ),
    "a certificate of the cluster": Attack(
        "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests", "cannot create resource", {"metadata": {"name": "c"}}
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def report(situation: Situation) -> Report:
    return carry_out(situation, ATTACKS)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_notebook_may_not(report: Report, name: str) -> None:
    assert_refused(report, ATTACKS, name)
