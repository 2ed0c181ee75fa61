"""Profiles: what the helper makes of them is let in, and no other choice of nodes, nor a bit of one profile and a bit of another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from spark_notebooks_hub.admission import IMAGE as IMAGE_NOTE
from spark_notebooks_hub.profile_values import DefaultProfiles, Profile
from spark_notebooks_hub.profiles import Placement, session_settings
from spark_notebooks_hub.workspace import workspace_manifests

from cluster import Cluster
from dev.target import of_node
from tests.support.accounts import Answer
from tests.support.executors import changed, executor_pod
from tests.support.jobs import job_manifest

from .conftest import IMAGE, NOTEBOOK_UID, Platform
from .test_jobs import CONTROLLER, make, pod_of

SPOT = {"key": "node.example.org/spot", "operator": "Exists", "effect": "NoSchedule"}
FAST = {"key": "fast", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60}
OFFERED = {
    "spot": {
        "description": "Cheap nodes that may go.",
        "for": ["executors"],
        "nodeSelector": {"node.example.org/pool": "spot"},
        "tolerations": [SPOT],
        "layout": "spread",
        "spot": True,
    },
    "fast": {
        "description": "Nodes with fast disks.",
        "for": ["executors"],
        "nodeSelector": {"disk": "nvme", "zone": "a"},
        "tolerations": [FAST],
        "layout": "pack",
        "node": {"cpu": 15.8, "memory": "60Gi", "executors": 4},
    },
    "steady": {"description": "Nodes that stay.", "nodeSelector": {"node.example.org/pool": "steady"}},
    "drivers": {
        "description": "For what must not go.",
        "for": ["drivers"],
        "nodeSelector": {"pool": "drivers"},
        "tolerations": [{"key": "drivers", "value": "only"}],
    },
    "gpu": {
        "description": "For some.",
        "allowedGroups": ["gpu"],
        "nodeSelector": {"accelerator": "a100"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
    },
}
ALL = Placement({name: Profile.model_validate(each) for name, each in OFFERED.items()})
MINE = ALL.of_groups(["students"])
WITH_DEFAULTS = replace(MINE, defaults=DefaultProfiles(executors="steady", drivers="drivers"))


FOR_EXECUTORS, FOR_DRIVERS = {"spot", "fast", "steady"}, {"drivers", "steady"}


def offer(answer: Answer) -> set[str]:
    """The profiles that a refusal names, in whichever order."""
    names = re.search(r"(?:profiles|profile here): ([a-z, -]+)\. ", answer.message)
    return set(names[1].split(", ")) if names else set()


def workspace_with(platform: Platform, node: Cluster, user: str, placement: Placement) -> Iterator[Platform]:
    """Another workspace of the same release."""
    workspace = replace(
        platform.workspace, user=user, namespace=f"{platform.workspace.namespace}-{user}", placement=placement
    )
    place, *rest = workspace_manifests(workspace)
    place["metadata"]["annotations"][f"{IMAGE_NOTE}/notebook"] = IMAGE
    target = of_node(node)
    manifests = {"apiVersion": "v1", "kind": "List", "items": [place, *rest]}
    target.kubectl("apply", "--filename", "-", stdin=json.dumps(manifests))
    made = replace(
        platform,
        workspace=workspace,
        executor=changed(platform.executor, {"metadata:namespace": workspace.namespace}),
    )
    # Of a profile, so that no other policy refuses it once the workspace's profiles are known.
    steady = {"spec:nodeSelector": {"node.example.org/pool": "steady"}}
    chosen = changed(made.executor, {"spec:nodeName": "node0", **steady})
    try:
        made.api.wait_until_refused(chosen, f"{workspace.hub.fullname}-workspace-pods", made.notebook_account)
        yield made
    finally:
        target.kubectl("delete", "namespace", workspace.namespace, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="module")
def free(platform: Platform, node: Cluster) -> Iterator[Platform]:
    """Profiles, and none that is the default."""
    yield from workspace_with(platform, node, "bea", MINE)


@pytest.fixture(scope="module")
def bound(platform: Platform, node: Cluster) -> Iterator[Platform]:
    """Profiles, and defaults."""
    yield from workspace_with(platform, node, "cyd", WITH_DEFAULTS)


def executor(platform: Platform, folder: Any, name: str | None, placement: Placement = MINE) -> dict[str, Any]:
    """As the helper makes it of a session that names a profile."""
    namespace = platform.workspace.namespace
    return executor_pod(namespace, IMAGE, NOTEBOOK_UID, folder, settings=session_settings(placement), profile=name)


@pytest.mark.parametrize("name", ["spot", "fast", "steady", None])
def test_executors_of_a_profile_are_let_in(free: Platform, tmp_path: Any, name: str | None) -> None:
    answer = free.api.dry_run(executor(free, tmp_path, name), free.notebook_account)
    assert answer.allowed, answer.message


@pytest.mark.parametrize("name", ["spot", None])
def test_with_a_default_executors_that_name_none_have_that_one(
    bound: Platform, tmp_path: Any, name: str | None
) -> None:
    pod = executor(bound, tmp_path, name, WITH_DEFAULTS)
    assert pod["spec"]["nodeSelector"] == {"node.example.org/pool": name or "steady"}
    answer = bound.api.dry_run(pod, bound.notebook_account)
    assert answer.allowed, answer.message


def test_and_none_without_a_profile_are_let_in(bound: Platform) -> None:
    answer = bound.api.dry_run(bound.executor, bound.notebook_account)
    assert "executors run on the nodes of a profile here" in answer.message
    assert offer(answer) == FOR_EXECUTORS


def test_what_everybody_may_have_stays_allowed_beside_a_profile(free: Platform, tmp_path: Any) -> None:
    """By spark.conf (pool=spark) and workspace.admission.tolerations (spark)."""
    pod = executor(free, tmp_path, "spot")
    pod["spec"]["nodeSelector"]["pool"] = "spark"
    pod["spec"]["tolerations"].append({"key": "spark", "operator": "Exists"})
    answer = free.api.dry_run(pod, free.notebook_account)
    assert answer.allowed, answer.message


GPU = {"spec:nodeSelector": {"accelerator": "a100"}, "spec:tolerations": [{"key": "gpu", "operator": "Exists"}]}
NEAR = {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}}
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
SELECTOR, TAINT = "the scheduler chooses the nodes of executors", "an executor may not tolerate taints of nodes"

# From an executor of the profile `spot`: what is changed, and what the refusal says.
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "the profile of another group": (GPU, SELECTOR),
    "its taints alone": ({**GPU, "spec:nodeSelector": None, "spec:topologySpreadConstraints": None}, TAINT),
    "the profile of drivers": (
        {"spec:nodeSelector": {"pool": "drivers"}, "spec:tolerations": [{"key": "drivers", "value": "only"}]},
        SELECTOR,
    ),
    "the nodes of another profile": ({"spec:nodeSelector": {"disk": "nvme", "zone": "a"}}, SELECTOR),
    "half the labels of a profile": ({"spec:nodeSelector": {"disk": "nvme"}, "spec:tolerations": [FAST]}, SELECTOR),
    "one label more": ({"spec:nodeSelector:disk": "nvme"}, SELECTOR),
    "another value": ({"spec:nodeSelector:node.example.org/pool": "system"}, SELECTOR),
    "no label": ({"spec:nodeSelector": None}, SELECTOR),
    "one taint more": ({"spec:tolerations": [SPOT, {"key": "fast", "operator": "Exists"}]}, SELECTOR),
    "all taints": ({"spec:tolerations": [{"operator": "Exists"}]}, SELECTOR),
    "all effects": ({"spec:tolerations": [{**SPOT, "effect": None}]}, SELECTOR),
    "another effect": ({"spec:tolerations": [{**SPOT, "effect": "NoExecute"}]}, SELECTOR),
    "any value of a taint that has one": (
        {"spec:nodeSelector": {"disk": "nvme", "zone": "a"}, "spec:tolerations": [{"key": "fast", "operator": "Exists", "effect": "NoExecute"}]},
        SELECTOR,
    ),
    "for longer": (
        {"spec:nodeSelector": {"disk": "nvme", "zone": "a"}, "spec:tolerations": [{**FAST, "tolerationSeconds": 6000}]},
        SELECTOR,
    ),
    "a spread that must be": ({"spec:topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "DoNotSchedule"}]}, SELECTOR),
    "a spread over zones": (
        {"spec:topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "ScheduleAnyway", "topologyKey": "zone"}]},
        SELECTOR,
    ),
    "packed, where the profile spreads": ({"spec:affinity": {"podAffinity": {PREFERRED: [NEAR]}}}, SELECTOR),
    "near the pods of others": (
        {"spec:affinity": {"podAffinity": {PREFERRED: [{**NEAR, "podAffinityTerm": {**NEAR["podAffinityTerm"], "namespaceSelector": {}}}]}}},
        SELECTOR,
    ),
    "away from pods": ({"spec:affinity": {"podAntiAffinity": {PREFERRED: [NEAR]}}}, SELECTOR),
    "a wish for a node": (
        {"spec:affinity": {"nodeAffinity": {PREFERRED: [{"weight": 1, "preference": {"matchExpressions": [{"key": "pool", "operator": "Exists"}]}}]}}},
        SELECTOR,
    ),
    "a long farewell": ({"spec:terminationGracePeriodSeconds": 3600}, "ends for good"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_no_other_choice_of_nodes_is_let_in(free: Platform, tmp_path: Any, name: str) -> None:
    changes, words = BROKEN[name]
    pod = changed(executor(free, tmp_path, "spot"), {path: _cleaned(value) for path, value in changes.items()})
    answer = free.api.dry_run(pod, free.notebook_account)
    assert "ValidatingAdmissionPolicy" in answer.message, answer
    assert words in answer.message
    assert words not in (SELECTOR, TAINT) or offer(answer) == FOR_EXECUTORS


def test_a_pack_near_the_pods_of_others_is_no_pack(free: Platform, tmp_path: Any) -> None:
    path = f"spec:affinity:podAffinity:{PREFERRED}:0:podAffinityTerm"
    for field, value in (("namespaceSelector", {}), ("namespaces", ["kube-system"]), ("topologyKey", "zone")):
        pod = changed(executor(free, tmp_path, "fast"), {f"{path}:{field}": value})
        assert SELECTOR in free.api.dry_run(pod, free.notebook_account).message, field


def _cleaned(value: Any) -> Any:
    """Without keys whose value is None, but for None itself."""
    if isinstance(value, list):
        return [{key: inner for key, inner in each.items() if inner is not None} for each in value]
    return value


def job(platform: Platform, profile: str | None) -> dict[str, Any]:
    """As the helper makes it of `--driver-profile`."""
    return job_manifest(platform.workspace.namespace, IMAGE, session_settings(platform.workspace.placement), profile)


POD = "spec:template:spec"


@pytest.mark.parametrize("name", ["drivers", "steady", None])
def test_jobs_of_a_profile_are_let_in_and_so_are_their_pods(free: Platform, name: str | None) -> None:
    made = job(free, name)
    answer = make(free, made, free.notebook_account)
    assert answer.allowed, answer.message
    answer = free.api.dry_run(pod_of(free, made), CONTROLLER)
    assert answer.allowed, answer.message


def test_with_a_default_jobs_that_name_none_have_that_one(bound: Platform) -> None:
    made = job(bound, None)
    assert made["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "drivers"}
    answer = make(bound, made, bound.notebook_account)
    assert answer.allowed, answer.message
    plain = changed(made, {f"{POD}:nodeSelector": None, f"{POD}:tolerations": None})
    answer = make(bound, plain, bound.notebook_account)
    assert "jobs run on the nodes of a profile here" in answer.message
    assert offer(answer) == FOR_DRIVERS


@pytest.mark.parametrize(
    "changes",
    [
        {f"{POD}:nodeSelector": {"accelerator": "a100"}, f"{POD}:tolerations": [{"key": "gpu", "operator": "Exists"}]},
        {f"{POD}:nodeSelector": {"node.example.org/pool": "spot"}, f"{POD}:tolerations": [SPOT]},
        {f"{POD}:tolerations": [{"key": "drivers", "value": "only"}, {"operator": "Exists"}]},
        {f"{POD}:nodeSelector": {"pool": "system"}},
        {f"{POD}:topologySpreadConstraints": [{**SPREAD, "whenUnsatisfiable": "ScheduleAnyway"}]},
    ],
    ids=["of another group", "of executors", "all taints", "another label", "a spread"],
)
def test_no_other_choice_of_nodes_is_let_in_for_jobs(free: Platform, changes: dict[str, Any]) -> None:
    broken = changed(job(free, "drivers"), changes)
    for answer in (make(free, broken, free.notebook_account), free.api.dry_run(pod_of(free, broken), CONTROLLER)):
        assert "the scheduler chooses the nodes of jobs" in answer.message
        assert offer(answer) == FOR_DRIVERS
