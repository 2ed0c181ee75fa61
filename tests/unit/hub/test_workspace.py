"""The manifests of a workspace."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spark_notebooks_hub.shared_folders import Share
from spark_notebooks_hub.workspace import (
    HubIdentity,
    Workspace,
    authentication_secret,
    credentials_file,
    foreign,
    namespace,
    unwanted_manifests,
    user_slug,
    workspace_manifests,
)

HUB = HubIdentity("platform", "sn-spark-notebooks")


def workspace(**changes: Any) -> Workspace:
    return Workspace(**({"user": "ada", "namespace": "user-ada", "hub": HUB, "credentials": "[default]\n"} | changes))


def by_kind(manifests: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name)


def test_the_namespace_comes_first_and_the_rights_of_the_hub_second() -> None:
    first, second, *_ = workspace_manifests(workspace())
    assert first["kind"] == "Namespace"
    assert second["roleRef"]["name"] == "sn-spark-notebooks-workspace-hub"
    assert second["subjects"] == [{"kind": "ServiceAccount", "name": "sn-spark-notebooks-hub", "namespace": "platform"}]


def test_everything_is_in_the_namespace_and_labelled() -> None:
    _, *rest = workspace_manifests(workspace())
    assert {m["metadata"]["namespace"] for m in rest} == {"user-ada"}
    for manifest in rest:
        assert manifest["metadata"]["labels"] == {
            "app.kubernetes.io/managed-by": "spark-notebooks",
            "spark-notebooks.io/workspace": "ada",
        }


def test_the_namespace_enforces_pod_security_and_names_its_user() -> None:
    metadata = namespace(workspace(user="Åda@example.org"))["metadata"]
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert metadata["annotations"]["spark-notebooks.io/user"] == "Åda@example.org"
    assert metadata["annotations"]["spark-notebooks.io/hub"] == "platform/sn-spark-notebooks"


def test_only_the_notebook_has_a_token_and_rights() -> None:
    manifests = workspace_manifests(workspace())
    assert by_kind(manifests, "ServiceAccount", "notebook")["automountServiceAccountToken"] is True
    assert by_kind(manifests, "ServiceAccount", "executor")["automountServiceAccountToken"] is False
    bound = [subject["name"] for m in manifests if m["kind"] == "RoleBinding" for subject in m["subjects"]]
    assert bound == ["sn-spark-notebooks-hub", "notebook"]
    assert by_kind(manifests, "RoleBinding", "notebook")["roleRef"]["name"] == "sn-spark-notebooks-workspace-notebook"


def test_quota_and_limits_are_those_of_the_values() -> None:
    limits = [{"type": "Container", "default": {"memory": "1Gi"}}]
    manifests = workspace_manifests(workspace(quota={"pods": 50, "requests.memory": "64Gi"}, limits=limits))
    assert by_kind(manifests, "ResourceQuota", "workspace")["spec"] == {
        "hard": {"pods": "50", "requests.memory": "64Gi"}
    }
    assert by_kind(manifests, "LimitRange", "workspace")["spec"] == {"limits": limits}


def test_without_quota_the_objects_are_there_and_limit_nothing() -> None:
    manifests = workspace_manifests(workspace())
    assert by_kind(manifests, "ResourceQuota", "workspace")["spec"] == {"hard": {}}
    assert by_kind(manifests, "LimitRange", "workspace")["spec"] == {"limits": []}


def test_the_credentials_are_a_file_in_a_secret_and_not_in_the_text_of_the_workspace() -> None:
    text = credentials_file({"AWS_ACCESS_KEY_ID": "AK\n", "AWS_SECRET_ACCESS_KEY": "pass-word"})
    assert text == "[default]\naws_access_key_id = AK\naws_secret_access_key = pass-word\n"
    holder = workspace(credentials=text)
    secret = by_kind(workspace_manifests(holder), "Secret", "s3-credentials")
    assert base64.b64decode(secret["data"]["credentials"]).decode() == text
    assert "pass-word" not in repr(holder)


def test_the_secret_of_spark_is_not_among_what_every_start_writes() -> None:
    made = authentication_secret(workspace(), "hush")
    assert base64.b64decode(made["data"]["secret"]) == b"hush"
    assert made["immutable"] is True
    assert made["metadata"]["namespace"] == "user-ada"
    assert all(m["metadata"]["name"] != made["metadata"]["name"] for m in workspace_manifests(workspace()))


def test_without_credentials_there_is_no_secret() -> None:
    assert all(m["kind"] != "Secret" for m in workspace_manifests(workspace(credentials=None)))


@given(st.text(min_size=1, max_size=200))
def test_any_user_name_gives_a_namespace_name(user: str) -> None:
    name = f"user-{user_slug(user)}"
    assert len(name) <= 63
    assert name.isascii()
    assert all(character.islower() or character.isdigit() or character == "-" for character in name)
    assert name[-1] != "-"


@given(st.lists(st.text(min_size=1, max_size=60), unique=True, min_size=2, max_size=20))
def test_different_users_have_different_workspaces(users: list[str]) -> None:
    assert len({user_slug(user) for user in users}) == len(users)


@pytest.mark.parametrize("user", ["Ada", "ada-", "ada--x", "ada.", "1ada"])
def test_names_that_look_alike_do_not_share_a_workspace(user: str) -> None:
    assert user_slug(user) != user_slug("ada")


def existing(**changes: Any) -> dict[str, Any]:
    """A namespace as Kubernetes stores the workspace's, with changes to its metadata."""
    return {"metadata": namespace(workspace())["metadata"] | changes, "status": {"phase": "Active"}}


def test_the_own_namespace_is_not_foreign() -> None:
    assert foreign(existing(), workspace()) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"labels": {}}, "did not make"),
        ({"labels": None, "annotations": None}, "did not make"),
        ({"annotations": {}}, "another installation (unknown)"),
        ({"annotations": {"spark-notebooks.io/hub": "b/sn"}}, "another installation (b/sn)"),
        (
            {"annotations": {"spark-notebooks.io/hub": str(HUB), "spark-notebooks.io/user": "eve"}},
            "another user ('eve')",
        ),
    ],
)
def test_a_namespace_of_somebody_else_is_not_adopted(changes: dict[str, Any], why: str) -> None:
    assert why in (foreign(existing(**changes), workspace()) or "")


def test_what_the_token_service_reads_is_an_annotation() -> None:
    notes = namespace(workspace(prefixes=["users/ada", "groups/x"], token_audiences=["tokens"]))["metadata"][
        "annotations"
    ]
    assert notes["spark-notebooks.io/s3-prefixes"] == "users/ada groups/x"
    assert notes["allowed.spark-notebooks.io/token-audiences"] == "tokens"


def test_the_prefix_and_the_annotations_are_those_that_the_token_service_reads() -> None:
    from token_service import identity

    holder = workspace(user="Ada *", prefixes=["users/ada---x"])
    grant = identity.granted(namespace(holder), str(HUB), identity.Bounds(["users"]))
    assert (grant.user, grant.access.prefixes) == ("Ada *", ("users/ada---x",))


def test_shared_folders_are_given_as_the_hub_and_the_service_both_say() -> None:
    from token_service.policy import Access

    from token_service import identity

    shares = [
        Share("flights", "groups/flights", writable=True),
        Share("law", "groups/law", writable=True),
        Share("course", "courses/2026", writable=False),
        Share("old", "groups/old", writable=True),
    ]
    holder = namespace(workspace(prefixes=["users/ada"], shares=shares))
    most = {"groups/flights": "write", "groups/law": "read", "courses/2026": "write", "groups/other": "write"}
    access = identity.granted(holder, str(HUB), identity.Bounds(["users"], most)).access
    assert access.prefixes == ("users/ada", "groups/flights")
    assert sorted(access.readable) == ["courses/2026", "groups/law"]
    nothing = namespace(workspace(prefixes=["users/ada"]))
    assert not [name for name in nothing["metadata"]["annotations"] if "shared" in name]
    assert identity.granted(nothing, str(HUB), identity.Bounds(["users"], most)).access == Access(("users/ada",))


def test_keys_of_an_earlier_mode_go() -> None:
    (secret,) = [one for one in unwanted_manifests(workspace(credentials=None)) if one["kind"] == "Secret"]
    assert secret["metadata"]["name"] == "s3-credentials"
    assert all(one["kind"] != "Secret" for one in unwanted_manifests(workspace()))


def test_accounts_have_the_annotations_by_which_a_cloud_knows_them() -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/executors"}
    manifests = workspace_manifests(workspace(account_annotations={"executor": role}))
    assert by_kind(manifests, "ServiceAccount", "executor")["metadata"]["annotations"] == role
    assert "annotations" not in by_kind(manifests, "ServiceAccount", "notebook")["metadata"]
