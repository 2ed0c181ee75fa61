"""What becomes of workspaces of people who are gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from spark_notebooks_hub.departed_service import arguments
from spark_notebooks_hub.departure import Decision, archived_manifests, decisions, mark
from spark_notebooks_hub.shared_folders import Share
from spark_notebooks_hub.workspace import HubIdentity, Workspace, namespace, workspace_manifests

from token_service import identity

HUB = HubIdentity("platform", "sn")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SINCE = "spark-notebooks.io/user-unknown-since"


def stored(user: str = "ada", *, hub: HubIdentity = HUB, archived: bool = False, **more: Any) -> dict[str, Any]:
    """The namespace of a person as Kubernetes stores it; `since` is when the person was found unknown."""
    workspace = Workspace(user, f"user-{user}", hub)
    found = archived_manifests(workspace, "u-1")[0] if archived else namespace(workspace)
    metadata = found["metadata"] | {"uid": "u-1"} | more.get("metadata", {})
    if "since" in more:
        metadata["annotations"] = metadata["annotations"] | {SINCE: more["since"]}
    return {"metadata": metadata}


def decided(found: dict[str, Any], policy: Any = "archive", users: Any = ("bob",)) -> str | None:
    made = decisions([found], users, HUB, policy, now=NOW, patience=DAY)
    assert all((each.namespace, each.uid, each.user) == ("user-ada", "u-1", "ada") for each in made)
    return made[0].action if made else None


LONG, SHORT = (NOW - DAY).isoformat(), (NOW - DAY / 2).isoformat()


@pytest.mark.parametrize("policy", ["archive", "remove"])
def test_one_look_marks_and_a_later_one_acts(policy: str) -> None:
    assert decided(stored(), policy) == "mark"
    assert decided(stored(since=SHORT), policy) is None
    assert decided(stored(since=LONG), policy) == policy


def test_a_mark_that_says_no_time_is_made_anew() -> None:
    for text in ("yesterday", "", "2026-11-01T00:00:00"):
        assert decided(stored(since=text)) == "mark"


def test_who_is_known_again_loses_the_mark_and_nothing_else() -> None:
    assert decided(stored(since=LONG), users=["ada"]) == "unmark"
    assert decided(stored(), users=["ada"]) is None
    assert decided(stored(archived=True), users=["ada"]) is None


def test_keep_keeps() -> None:
    assert decided(stored(since=LONG), "keep") is None


def test_a_hub_that_knows_nobody_has_lost_its_database() -> None:
    assert decided(stored(since=LONG), "remove", users=[]) is None


def test_what_is_archived_is_archived_and_may_be_removed() -> None:
    assert decided(stored(archived=True, since=LONG)) is None
    assert decided(stored(archived=True), "remove") == "mark"
    assert decided(stored(archived=True, since=LONG), "remove") == "remove"


@pytest.mark.parametrize(
    "found",
    [
        stored(hub=HubIdentity("platform", "other"), since=LONG),
        stored(metadata={"labels": {"spark-notebooks.io/hub": HUB.label}}, since=LONG),
        stored(metadata={"annotations": {"spark-notebooks.io/hub": str(HUB)}}, since=LONG),
        stored(metadata={"deletionTimestamp": "2026-11-21T11:00:00Z"}, since=LONG),
        {"metadata": {"name": "bare"}},
    ],
)
def test_what_is_not_a_workspace_of_ours_is_left_alone(found: dict[str, Any]) -> None:
    assert decided(found, "remove") is None


def test_a_mark_is_read_as_it_was_written() -> None:
    decision = Decision("user-ada", "u-1", "ada", "mark")
    assert mark(decision, NOW)["metadata"]["annotations"] == {SINCE: NOW.isoformat()}
    assert mark(decision, None)["metadata"] == {"name": "user-ada", "uid": "u-1", "annotations": {}}


def test_an_archived_workspace_is_ours_and_nothing_comes_in() -> None:
    shares = [Share("a", "groups/a", writable=True)]
    workspace = Workspace(
        "ada", "user-ada", HUB, quota={"pods": 50}, credentials="x", prefixes=["users/ada"], shares=shares
    )
    place, binding, quota = archived_manifests(workspace, "u-1")
    before = namespace(workspace)["metadata"]
    # The hub's own policy lets nothing else through.
    assert before["labels"].items() <= place["metadata"]["labels"].items()
    assert place["metadata"]["annotations"]["spark-notebooks.io/user"] == "ada"
    assert binding in workspace_manifests(workspace)
    assert quota["spec"]["hard"] == {"pods": "0", "count/jobs.batch": "0"}
    with pytest.raises(identity.StsError, match="no folder on S3"):
        identity.granted(place, str(HUB), identity.Bounds(["users"], {"groups/a": "write"}))
    # The label is gone with the next start, which applies the namespace without it.
    assert "spark-notebooks.io/archived" in place["metadata"]["labels"]
    assert "spark-notebooks.io/archived" not in before["labels"]


def test_the_command_line_is_that_of_the_hub_s_configuration() -> None:
    from spark_notebooks_hub.config import hub_config
    from spark_notebooks_hub.values import parse_values

    values = {
        "release": {"name": "sn", "namespace": "platform", "fullname": "sn", "version": "0.1.0"},
        "singleuser": {"image": {"name": "n"}},
        "workspace": {"afterRemoval": "remove"},
        "cull": {"enabled": False},
    }
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    found = hub_config(parse_values(values), keys).JupyterHub
    [service], [role] = found.services, found.load_roles
    asked = arguments(service["command"][3:])
    assert (asked.policy, asked.hub_namespace, asked.hub_fullname, asked.pod_security) == (
        "remove", "platform", "sn", "restricted",
    )  # fmt: skip
    assert asked.patience < asked.every
    assert service["environment"] == {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "and no key"
    assert role["scopes"] == ["list:users"]
    kept = hub_config(parse_values(values | {"workspace": {"afterRemoval": "keep"}}), keys).JupyterHub
    assert (kept.services, kept.load_roles) == ([], [])
