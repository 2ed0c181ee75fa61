"""Attacks of the other files, each with the one control taken away that refuses it: then it succeeds. So it is this control, and the tests can fail.

From eve's own shell, with her own tokens. What the attacks would change is tried by dry runs. Network policies are taken away in test_network.py, the proof
between driver and executors in test_spark.py, Pod Security and the hub's own policy in tests/integration/admission/test_counterparts.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from .conftest import CORE, RBAC, REGISTRATION, Attack, Hub, Result, Situation
from .test_api import ATTACKS as API
from .test_hub import ATTACKS as HUB
from .test_pods import ATTACKS as PODS
from .test_pods import EXECUTOR
from .test_pods import OWN as OWN_PODS

pytestmark = pytest.mark.long
NAME = "taken-away"
BINDINGS = f"{REGISTRATION}/validatingadmissionpolicybindings"
EVE, BOB, PLATFORM, EVERYWHERE = "EVES_NAMESPACE", "BOBS_NAMESPACE", "RELEASE", ""
Without = Callable[[Situation], AbstractContextManager[None]]


@dataclass(frozen=True)
class Control:
    """An attack, and how what refuses it is taken away.

    Args:
        given: what has to be in place before, so that it refuses anything.
    """

    attack: Attack
    without: Without
    given: Without = lambda _: nullcontext()


def dry(attack: Attack) -> Attack:
    """The same, and nothing changes where it succeeds."""
    return replace(attack, path=f"{attack.path}?dryRun=All")


@contextmanager
def made(situation: Situation, path: str, manifest: dict[str, Any]) -> Iterator[None]:
    """An object that is there meanwhile."""
    answer = situation.api.call("POST", path, manifest)
    assert answer.allowed, answer
    try:
        yield
    finally:
        situation.api.call("DELETE", f"{path}/{manifest['metadata']['name']}")


@contextmanager
def with_right(verb: str, resource: str, place: str, group: str, situation: Situation) -> Iterator[None]:
    """RBAC lets eve's notebook do one thing more, in one namespace or everywhere."""
    rules = [{"apiGroups": [group], "resources": [resource], "verbs": [verb]}]
    subject = {"kind": "ServiceAccount", "name": "notebook", "namespace": situation.eve.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME}
    metadata = {"name": NAME}
    binding = {"metadata": metadata, "roleRef": reference, "subjects": [subject]}
    where = f"namespaces/{situation.words[place]}/rolebindings" if place else "clusterrolebindings"
    with (
        made(situation, f"{RBAC}/clusterroles", {"metadata": metadata, "rules": rules}),
        made(situation, f"{RBAC}/{where}", binding),
    ):
        yield


def without_policy(policy: str, situation: Situation) -> AbstractContextManager[None]:
    """One admission policy is bound to nothing meanwhile."""
    return situation.api.without(BINDINGS, f"{situation.words['FULLNAME']}-workspace-{policy}")


@contextmanager
def bounded(kind: str, spec: dict[str, Any], situation: Situation) -> Iterator[None]:
    """What bounds eve's workspace, with another spec meanwhile."""
    path = f"{CORE}/namespaces/{situation.eve.namespace}/{kind}/workspace"
    before = situation.api.call("GET", path).content.get("spec", {})

    def write(value: dict[str, Any]) -> None:
        patch = [{"op": "add", "path": "/spec", "value": value}]
        answer = situation.api.call("PATCH", path, patch, None, "application/json-patch+json")
        assert answer.allowed, answer

    write(spec)
    try:
        yield
    finally:
        write(before)


@contextmanager
def as_administrator(situation: Situation) -> Iterator[None]:
    """The hub takes eve for an administrator."""
    token = situation.hub.call("POST", "users/admin/tokens", {"note": NAME, "expires_in": 600})["token"]
    administrator = Hub(situation.hub.url, token)
    administrator.call("PATCH", "users/eve", {"admin": True})
    try:
        yield
    finally:
        administrator.call("PATCH", "users/eve", {"admin": False})


def right(attack: Attack, verb: str, resource: str, place: str = EVERYWHERE, group: str = "") -> Control:
    return Control(attack, partial(with_right, verb, resource, place, group))


def policy(attack: Attack, name: str) -> Control:
    return Control(attack, partial(without_policy, name))


def bound(refusal: str, kind: str, spec: dict[str, Any], nothing: dict[str, Any]) -> Control:
    """An executor as the helper makes it, in a workspace that may not hold it."""
    attack = Attack("POST", f"{OWN_PODS}?dryRun=All", refusal, EXECUTOR)
    return Control(attack, partial(bounded, kind, nothing), partial(bounded, kind, spec))


ENDLESS = {
    "metadata": {"name": "endless"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "serviceAccountName": "notebook",
                "containers": [{"name": "notebook", "image": "THE_IMAGE"}],
            }
        }
    },
}
JOBS = "/apis/batch/v1/namespaces/EVES_NAMESPACE/jobs"

CONTROLS: dict[str, Control] = {
    "rights: one's own secrets": right(API["read one's own secrets"], "list", "secrets", EVE),
    "rights: one's own secret by name": right(API["read one's secret by name"], "get", "secrets", EVE),
    "rights: another's secret": right(API["read another's secret"], "get", "secrets", BOB),
    "rights: the hub's secret": right(API["read the hub's secret"], "get", "secrets", PLATFORM),
    "rights: all secrets": right(API["read all secrets"], "list", "secrets"),
    "rights: all namespaces": right(API["list all namespaces"], "list", "namespaces"),
    "rights: labels of one's workspace": right(dry(API["relabel one's workspace"]), "patch", "namespaces", EVE),
    "rights: another's workspace": right(dry(API["delete another's workspace"]), "delete", "namespaces", BOB),
    "rights: another's pods": right(API["list another's pods"], "list", "pods", BOB),
    "rights: all pods": right(API["list all pods"], "list", "pods"),
    "rights: another's log": right(API["read another's log"], "get", "pods/log", BOB),
    "rights: a token of another's": right(dry(API["a token of another's notebook"]), "create", "serviceaccounts/token", BOB),
    "rights: one's own quota": right(dry(API["no quota"]), "delete", "resourcequotas", EVE),
    "rights: a larger quota": right(dry(API["a larger quota"]), "patch", "resourcequotas", EVE),
    "rights: one's own limits": right(dry(API["no limits"]), "delete", "limitranges", EVE),
    "rights: services": right(dry(API["a service that takes others' traffic"]), "create", "services", EVE),
    "rights: network policies": right(
        dry(API["no network policy"]), "deletecollection", "networkpolicies", EVE, "networking.k8s.io"
    ),
    "rights: admission policies": right(
        dry(API["a policy less"]), "delete", "validatingadmissionpolicybindings", EVERYWHERE, "admissionregistration.k8s.io"
    ),
    "rights: nodes": right(API["list the nodes"], "list", "nodes"),
    "policy: pods": policy(dry(PODS["a chosen node"]), "pods"),
    "policy: executors": policy(dry(PODS["no owner"]), "executors"),
    "policy: notebooks": policy(dry(PODS["the notebook's account"]), "notebooks"),
    "policy: changes": policy(dry(PODS["other labels for the notebook"]), "changes"),
    "policy: jobs": policy(Attack("POST", f"{JOBS}?dryRun=All", "denied request", ENDLESS), "jobs"),
    "quota": bound("exceeded quota", "resourcequotas", {"hard": {"pods": "1"}}, {"hard": {"pods": "100"}}),
    "limits": bound(
        "maximum memory usage per Container", "limitranges",
        {"limits": [{"type": "Container", "max": {"memory": "32Mi"}}]}, {"limits": []},
    ),
    "scopes: everybody": Control(HUB["list everybody"], as_administrator),
    "scopes: another person": Control(HUB["look at another"], as_administrator),
    "scopes: another's tokens": Control(HUB["list another's tokens"], as_administrator),
    "scopes: the proxy's table": Control(HUB["read the proxy's table"], as_administrator),
}  # fmt: skip


def send(situation: Situation, attack: Attack) -> Result:
    return situation.send({"it": attack})["it"]


def is_refused(result: Result, attack: Attack) -> bool:
    """For its own reason."""
    return result.status == attack.refusal if isinstance(attack.refusal, int) else attack.refusal in result.text


def until(situation: Situation, attack: Attack, right_result: Callable[[Result], bool]) -> None:
    """The API server sees what has changed after a moment."""
    deadline = time.monotonic() + 30
    while not right_result(result := send(situation, attack)):
        assert time.monotonic() < deadline, result


@pytest.mark.parametrize("name", CONTROLS)
def test_without_the_control_the_attack_succeeds(situation: Situation, name: str) -> None:
    control = CONTROLS[name]
    refused = partial(is_refused, attack=control.attack)
    with control.given(situation):
        until(situation, control.attack, refused)
        with control.without(situation):
            until(situation, control.attack, lambda result: 200 <= result.status < 300)
        until(situation, control.attack, refused)
