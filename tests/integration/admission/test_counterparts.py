"""For each control, what it refuses goes through when it alone is taken away: so the tests of refusals can fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from spark_notebooks_hub.workspace import Workspace, namespace, role_binding

from tests.support.accounts import MERGE, Answer
from tests.support.executors import changed

from .conftest import Platform

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


def node_chosen(platform: Platform) -> Answer:
    pod = changed(platform.executor, {"spec:nodeName": "node0"})
    return platform.api.dry_run(pod, platform.notebook_account)


def by_anybody(platform: Platform) -> Answer:
    return platform.api.dry_run(platform.notebook)


def without_owner(platform: Platform) -> Answer:
    pod = changed(platform.executor, {"metadata:ownerReferences": None})
    return platform.api.dry_run(pod, platform.notebook_account)


def job_without_end(platform: Platform) -> Answer:
    path = f"/apis/batch/v1/namespaces/{platform.workspace.namespace}/jobs?dryRun=All"
    template = {"spec": {**platform.notebook["spec"], "restartPolicy": "Never"}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "endless"}, "spec": {"template": template}}
    return platform.api.call("POST", path, job, platform.notebook_account)


def schedule_without_end(platform: Platform) -> Answer:
    path = f"/apis/batch/v1/namespaces/{platform.workspace.namespace}/cronjobs?dryRun=All"
    template = {"spec": {**platform.notebook["spec"], "restartPolicy": "Never"}}
    spec = {"schedule": "0 0 29 2 *", "jobTemplate": {"spec": {"template": template}}}
    schedule = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "endless"}, "spec": spec}
    return platform.api.call("POST", path, schedule, platform.notebook_account)


def job_and_schedule_without_end(platform: Platform) -> Answer:
    answers = [job_without_end(platform), schedule_without_end(platform)]
    # Both are refused, or both are let in, some milliseconds after the policy has gone or come.
    return next((answer for answer in answers if not answer.allowed), answers[0])


def another_label(platform: Platform) -> Answer:
    path = f"/api/v1/namespaces/{platform.workspace.namespace}/pods/waiting?dryRun=All"
    patch = {"metadata": {"labels": {"component": "other"}}}
    return platform.api.call("PATCH", path, patch, platform.notebook_account, MERGE)


def rights_in_kube_system(platform: Platform) -> Answer:
    hub = platform.hub
    role = f"{hub.fullname}-workspace-hub"
    manifest = role_binding(Workspace("x", "kube-system", hub), "stolen", role, hub.service_account, hub.namespace)
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings?dryRun=All"
    return platform.api.call("POST", path, manifest, platform.hub_account)


ATTACKS: dict[str, Callable[[Platform], Answer]] = {
    "workspace-pods": node_chosen,
    "workspace-notebooks": by_anybody,
    "workspace-executors": without_owner,
    "workspace-jobs": job_and_schedule_without_end,
    "workspace-changes": another_label,
    "hub": rights_in_kube_system,
}


@pytest.fixture(scope="module")
def waiting(platform: Platform) -> Iterator[None]:
    """A pod that no node takes."""
    path = f"/api/v1/namespaces/{platform.workspace.namespace}/pods"
    pod = changed(platform.notebook, {"metadata:name": "waiting", "spec:nodeSelector": {"nowhere": "x"}})
    assert platform.api.call("POST", path, pod, platform.hub_account).allowed
    yield
    platform.api.call("DELETE", f"{path}/waiting?gracePeriodSeconds=0")


def taken_away(platform: Platform, policy: str) -> AbstractContextManager[None]:
    return platform.api.without(POLICIES, f"{platform.hub.fullname}-{policy}")


def wait_until(condition: Callable[[], bool], told: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("policy", ATTACKS)
def test_without_the_policy_the_attack_succeeds(platform: Platform, policy: str) -> None:
    attack = ATTACKS[policy]
    refused = attack(platform)
    assert f"'{platform.hub.fullname}-{policy}'" in refused.message, refused
    with taken_away(platform, policy):
        wait_until(lambda: attack(platform).allowed, lambda: attack(platform))
    wait_until(lambda: not attack(platform).allowed, lambda: attack(platform))


def test_with_another_role_a_notebook_reads_secrets(platform: Platform) -> None:
    where = platform.workspace.namespace
    secrets = f"/api/v1/namespaces/{where}/secrets"
    assert platform.api.call("GET", secrets, None, platform.notebook_account).status == 403
    manifest = role_binding(platform.workspace, "more", "edit", "notebook", where)
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{where}/rolebindings"
    assert platform.api.call("POST", path, manifest).allowed
    try:
        wait_until(
            lambda: platform.api.call("GET", secrets, None, platform.notebook_account).allowed,
            lambda: "still refused",
        )
    finally:
        platform.api.call("DELETE", f"{path}/more")


def test_with_another_security_level_a_notebook_runs_without_seccomp(platform: Platform) -> None:
    unconfined = {"spec:containers:0:securityContext:seccompProfile": {"type": "Unconfined"}}
    pod = changed(platform.notebook, unconfined)
    path = f"/api/v1/namespaces/{platform.workspace.namespace}"
    level = "pod-security.kubernetes.io/enforce"

    def enforce(value: str) -> None:
        assert platform.api.call("PATCH", path, {"metadata": {"labels": {level: value}}}, None, MERGE).allowed

    def allowed() -> bool:
        return platform.api.dry_run(pod, platform.hub_account).allowed

    enforce("restricted")
    try:
        wait_until(lambda: not allowed(), lambda: "still allowed")
        assert 'violates PodSecurity "restricted' in platform.api.dry_run(pod, platform.hub_account).message
    finally:
        enforce("privileged")
    wait_until(allowed, lambda: json.dumps(namespace(platform.workspace)))
