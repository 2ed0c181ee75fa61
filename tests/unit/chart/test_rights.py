"""What the chart's roles allow, and what no role of it ever may."""

from typing import Any

import pytest

from tests.unit.chart.matrix import EMBEDDED
from tests.unit.chart.rendering import get, of_kind, render

MANIFESTS = render(EMBEDDED)
HUB = "notebooks-spark-notebooks-hub"
IN_WORKSPACE = "notebooks-spark-notebooks-workspace-hub"
NOTEBOOK = "notebooks-spark-notebooks-workspace-notebook"


def rules(role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(MANIFESTS, "ClusterRole", role)["rules"]
    return found


def rights(role: str) -> set[tuple[str, str]]:
    """All pairs of verb and resource."""
    return {(verb, resource) for rule in rules(role) for verb in rule["verbs"] for resource in rule["resources"]}


def test_there_are_three_roles_and_one_is_bound() -> None:
    assert {role["metadata"]["name"] for role in of_kind(MANIFESTS, "ClusterRole")} == {HUB, IN_WORKSPACE, NOTEBOOK}
    (binding,) = of_kind(MANIFESTS, "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == HUB
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": HUB, "namespace": "platform"}]
    assert not of_kind(MANIFESTS, "Role") + of_kind(MANIFESTS, "RoleBinding")


def test_no_role_has_a_wildcard_or_a_way_up() -> None:
    for role in (HUB, IN_WORKSPACE, NOTEBOOK):
        for rule in rules(role):
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
            assert not {"escalate", "impersonate"} & set(rule["verbs"])


def test_the_hub_makes_namespaces_and_watches_notebooks_outside_of_workspaces_and_no_more() -> None:
    assert rights(HUB) == {
        *((verb, "namespaces") for verb in ("get", "create", "patch")),
        *((verb, "pods") for verb in ("list", "watch")),
        *((verb, "rolebindings") for verb in ("create", "patch")),
        ("bind", "clusterroles"),
        ("get", "endpointslices"),
    }


def test_the_hub_hands_out_the_two_roles_of_workspaces_only() -> None:
    (rule,) = [rule for rule in rules(HUB) if "bind" in rule["verbs"]]

    assert set(rule["resourceNames"]) == {IN_WORKSPACE, NOTEBOOK}


def test_the_hub_cannot_read_secrets() -> None:
    for role in (HUB, IN_WORKSPACE):
        assert not {(verb, "secrets") for verb in ("get", "list", "watch")} & rights(role)


def test_the_hub_reads_jobs_and_schedules_of_workspaces_and_changes_none() -> None:
    assert {(verb, what) for verb, what in rights(IN_WORKSPACE) if what in {"jobs", "cronjobs"}} == {
        ("list", "jobs"), ("list", "cronjobs")
    }  # fmt: skip


def test_a_notebook_may_use_pods_and_jobs_read_why_they_do_not_come_and_nothing_else() -> None:
    verbs = ("create", "get", "list", "watch", "patch", "delete", "deletecollection")
    assert rights(NOTEBOOK) == {
        *((verb, "pods") for verb in verbs),
        *((verb, "jobs") for verb in ("create", "get", "list", "delete")),
        *((verb, "cronjobs") for verb in ("create", "get", "list", "patch", "delete")),
        ("get", "pods/log"),
        *(("list", read) for read in ("events", "resourcequotas", "limitranges")),
    }


@pytest.mark.parametrize(
    ("policy", "outside", "inside"),
    [
        ("archive", {("list", "namespaces")}, {("delete", "jobs"), ("patch", "cronjobs"), ("delete", "rolebindings")}),
        ("remove", {("list", "namespaces"), ("delete", "namespaces")}, set()),
    ],
)
def test_what_people_who_are_gone_leave_takes_rights_that_the_hub_has_then_only(
    policy: str, outside: set[tuple[str, str]], inside: set[tuple[str, str]]
) -> None:
    manifests = render({**EMBEDDED, "workspace": {"afterRemoval": policy}})

    def more(role: str) -> set[tuple[str, str]]:
        found = get(manifests, "ClusterRole", role)["rules"]
        return {(verb, what) for rule in found for verb in rule["verbs"] for what in rule["resources"]} - rights(role)

    assert (more(HUB), more(IN_WORKSPACE), more(NOTEBOOK)) == (outside, inside, set())
    [binding] = [
        rule for rule in get(manifests, "ClusterRole", IN_WORKSPACE)["rules"] if "rolebindings" in rule["resources"]
    ] or [{"resourceNames": ["notebook"]}]
    assert binding["resourceNames"] == ["notebook"]
