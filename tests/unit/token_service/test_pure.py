"""Requests, claims, identities, limits: what is refused, and by which code."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from token_service.claims import refuse_hopeless
from token_service.errors import StsError
from token_service.identity import Bounds, Identity, granted, reviewed
from token_service.limits import Limit
from token_service.minting.iam_users import TemporaryUser, read_user, user_name
from token_service.protocol import AssumeRoleWithWebIdentity, GetCallerIdentity, read_call

from tests.unit.token_service.kubernetes import AUDIENCE, HUB, account_status, jwt, namespace

CALL = {
    "Action": "AssumeRoleWithWebIdentity",
    "Version": "2011-06-15",
    "RoleArn": "arn:aws:iam::000000000000:role/spark-notebooks",
    "RoleSessionName": "notebook",
    "WebIdentityToken": "a.b.c",
}


def code_of(body: bytes) -> str:
    with pytest.raises(StsError) as caught:
        read_call(body)
    return caught.value.code


def test_calls_are_read() -> None:
    assert read_call(urlencode(CALL).encode()) == AssumeRoleWithWebIdentity("a.b.c", CALL["RoleArn"], "notebook")
    assert read_call(b"Action=GetCallerIdentity&Version=2011-06-15") == GetCallerIdentity()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Action": "AssumeRole"}, "InvalidAction"),
        ({"Action": ""}, "InvalidAction"),
        ({"Version": "2010-05-08"}, "InvalidParameterValue"),
        ({"WebIdentityToken": ""}, "MissingParameter"),
        ({"RoleArn": ""}, "MissingParameter"),
        ({"WebIdentityToken": "x" * 8193}, "ValidationError"),
        ({"DurationSeconds": "899"}, "ValidationError"),
        ({"DurationSeconds": "43201"}, "ValidationError"),
        ({"DurationSeconds": "99999999999"}, "ValidationError"),
        ({"DurationSeconds": "-1"}, "ValidationError"),
        ({"DurationSeconds": "٣٦٠٠"}, "ValidationError"),
        ({"Policy": "{}"}, "ValidationError"),
        ({"PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/AdministratorAccess"}, "ValidationError"),
    ],
)
def test_calls_that_are_refused(changes: dict[str, str], code: str) -> None:
    assert code_of(urlencode(CALL | changes).encode()) == code


@pytest.mark.parametrize("body", [b"{}", b"\xff=1", b"&".join([b"a=1"] * 40)])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    assert code_of(body) == "MalformedInput"


def test_a_field_stands_once() -> None:
    assert code_of(urlencode([*CALL.items(), ("WebIdentityToken", "d.e.f")]).encode()) == "ValidationError"


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    with suppress(StsError):
        read_call(body)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", "InvalidIdentityToken"),
        ("a.b", "InvalidIdentityToken"),
        ("a.b.c", "InvalidIdentityToken"),
        ("ä.ö.ü", "InvalidIdentityToken"),
        (jwt(exp=None), "InvalidIdentityToken"),
        (jwt(exp=True), "InvalidIdentityToken"),
        (jwt(exp=99), "ExpiredTokenException"),
        (jwt(exp=100), "ExpiredTokenException"),
        (jwt(aud=["https://kubernetes.default.svc"]), "InvalidIdentityToken"),
        (jwt(aud=None), "InvalidIdentityToken"),
        (jwt(aud=f"{AUDIENCE}.more"), "InvalidIdentityToken"),
    ],
)
def test_hopeless_tokens_are_refused_without_a_question(token: str, code: str) -> None:
    with pytest.raises(StsError) as caught:
        refuse_hopeless(token, AUDIENCE, 100)
    assert caught.value.code == code


def test_others_are_left_to_the_api_server() -> None:
    refuse_hopeless(jwt(exp=101), AUDIENCE, 100)
    refuse_hopeless(jwt(aud=AUDIENCE), AUDIENCE, 100)


@given(st.text(alphabet="ey.JA{}[]", max_size=60))
def test_no_text_breaks_the_look_at_claims(token: str) -> None:
    with pytest.raises(StsError):
        refuse_hopeless(token, AUDIENCE, 5e9)


def test_a_pod_of_a_workspace_is_known() -> None:
    review = {"status": account_status("user-ada", "executor", "exec-1")}

    assert reviewed(review, AUDIENCE) == Identity("user-ada", "executor", "exec-1")


STATUS = account_status("user-ada")
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "InvalidIdentityToken"),
    ({"authenticated": False}, "InvalidIdentityToken"),
    ({"authenticated": "true"} | {"audiences": [AUDIENCE]}, "InvalidIdentityToken"),
    ({"error": "[invalid bearer token, service account token has expired]"}, "ExpiredTokenException"),
    (STATUS | {"audiences": []}, "InvalidIdentityToken"),
    (STATUS | {"audiences": ["another"]}, "InvalidIdentityToken"),
    (account_status("user-ada", "default"), "AccessDenied"),
    (account_status("user-ada", "notebook:x"), "AccessDenied"),
    (account_status("a:b"), "AccessDenied"),
    (account_status("user-ada", pod=None), "AccessDenied"),
    (STATUS | {"user": {"username": "system:admin"}}, "AccessDenied"),
    (STATUS | {"user": {}}, "AccessDenied"),
]


@pytest.mark.parametrize(("status", "code"), REFUSED)
def test_whoever_is_no_pod_of_a_workspace_is_refused(status: dict[str, Any], code: str) -> None:
    with pytest.raises(StsError) as caught:
        reviewed({"status": status}, AUDIENCE)
    assert caught.value.code == code


def test_a_workspace_gets_what_its_annotations_say() -> None:
    grant = granted(namespace("user-ada", "Ada *", "users/ada", "groups/x"), HUB, Bounds(["users", "groups"]))

    assert (grant.user, grant.access.prefixes) == ("Ada *", ("users/ada", "groups/x"))


def test_a_wrong_share_does_not_end_everything_but_a_wrong_place_does() -> None:
    notes = {
        "spark-notebooks.io/s3-shared-write": "groups/gone users/bob groups/x",
        "spark-notebooks.io/s3-shared-read": "courses/1",
    }
    shares = {"groups/x": "write", "courses/1": "read"}
    access = granted(namespace("user-ada", "ada", "users/ada", **notes), HUB, Bounds(["users"], shares)).access
    assert (access.prefixes, access.readable) == (("users/ada", "groups/x"), ("courses/1",))
    assert granted(namespace("user-ada", "ada", "users/ada", **notes), HUB, Bounds(["users"])).access.all == (
        "users/ada",
    )
    with pytest.raises(StsError):
        granted(namespace("user-ada", "ada", "groups/x", **notes), HUB, Bounds(["users"], shares))


@pytest.mark.parametrize(
    "place",
    [
        {"metadata": {"name": "user-ada", "labels": {"spark-notebooks.io/user": "ada"}}},
        namespace("user-ada", "ada", "users/ada") | {"metadata": {"name": "user-ada"}},
        namespace("user-ada", "ada", "users/ada", **{"spark-notebooks.io/hub": "other/notebooks"}),
        namespace("user-ada", "ada", "users/ada", **{"spark-notebooks.io/s3-revoked": ""}),
        namespace("user-ada", "ada"),
        namespace("user-ada", "", "users/ada"),
        namespace("user-ada", "ada", "users/*"),
        namespace("user-ada", "ada", "users/ada", "secret/x"),
        namespace("user-ada", "ada", "users"),
    ],
)
def test_other_namespaces_get_nothing(place: dict[str, Any]) -> None:
    with pytest.raises(StsError) as caught:
        granted(place, HUB, Bounds(["users"]))
    assert caught.value.code == "AccessDenied"


SHARED = "spark-notebooks.io/shared-workspace"
FLIGHTS = Bounds(["users"], {"groups/other": "write"}, ["groups/flights"])


def shared_workspace(*prefixes: str, **notes: str) -> dict[str, Any]:
    """A shared workspace with the members ada and bob."""
    place = namespace("user-group--flights", "", *(prefixes or ("groups/flights",)), **notes)
    found = place["metadata"]["annotations"]
    if "spark-notebooks.io/user" not in notes:
        del found["spark-notebooks.io/user"]
    found |= {SHARED: "flights", "member.spark-notebooks.io/ada": "Ada *", "member.spark-notebooks.io/bob": "bob"}
    return place


@pytest.mark.parametrize("kind", ["notebook", "executor"])
def test_a_member_of_a_shared_workspace_is_known_by_the_account(kind: str) -> None:
    review = {"status": account_status("user-group--flights", f"{kind}-ada", "notebook-ada")}
    who = reviewed(review, AUDIENCE)
    assert (who.member, who.holder) == ("ada", "user-group--flights/ada")
    grant = granted(shared_workspace(), HUB, FLIGHTS, who.member)
    assert (grant.user, grant.access.all, grant.holder) == ("Ada *", ("groups/flights",), "user-group--flights/ada")


@pytest.mark.parametrize(
    "account", ["notebook-", "executor--x", "notebook-Ada", "notebook-ada-", "notebooks-ada", "hub"]
)
def test_accounts_that_the_hub_does_not_make_are_nobody_s(account: str) -> None:
    with pytest.raises(StsError):
        reviewed({"status": account_status("user-group--flights", account)}, AUDIENCE)


@pytest.mark.parametrize(
    ("place", "member", "why"),
    [
        (shared_workspace(), "eve", "not among the members"),
        (shared_workspace(), "", "none that the workspace"),
        (namespace("user-ada", "ada", "users/ada"), "ada", "none that the workspace"),
        (shared_workspace(**{"spark-notebooks.io/user": "ada"}), "ada", "none that the workspace"),
        (shared_workspace(**{"spark-notebooks.io/user": "ada"}), "", "none that the workspace"),
        (shared_workspace("users/ada"), "ada", "cannot have"),
        (shared_workspace("groups"), "ada", "cannot have"),
        (shared_workspace("groups/flights/x"), "ada", "cannot have"),
        (shared_workspace("groups/other"), "ada", "cannot have"),
        (shared_workspace("groups/flights", "users/bob"), "ada", "cannot have"),
        (shared_workspace(**{"spark-notebooks.io/s3-revoked": ""}), "ada", "ended this workspace's access"),
    ],
)
def test_nobody_else_gets_keys_of_a_shared_workspace_and_members_no_others(
    place: dict[str, Any], member: str, why: str
) -> None:
    with pytest.raises(StsError, match=why):
        granted(place, HUB, FLIGHTS, member)


def test_folders_that_are_shared_otherwise_do_not_come_with_a_shared_workspace() -> None:
    place = shared_workspace(**{"spark-notebooks.io/s3-shared-write": "groups/other"})
    assert granted(place, HUB, FLIGHTS, "ada").access.all == ("groups/flights",)


def test_a_shared_workspace_that_is_not_in_the_values_any_more_gets_nothing() -> None:
    with pytest.raises(StsError, match="not the folder of a shared workspace"):
        granted(shared_workspace(), HUB, Bounds(["users", "groups"]), "ada")


def test_the_key_of_a_member_says_whose_it_is() -> None:
    user = {
        "UserName": "user-group--flights-1800000000-0123abcd",
        "Path": "/spark-notebooks/r/user-group--flights/ada/",
    }
    found = read_user(user, "/spark-notebooks/r/")
    assert found is not None
    assert found.holder == "user-group--flights/ada"


def test_a_workspace_that_is_removed_gets_nothing() -> None:
    place = namespace("user-ada", "ada", "users/ada")
    place["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    with pytest.raises(StsError, match="being removed"):
        granted(place, HUB, Bounds(["users"]))


def test_a_limit_lets_so_many_through_and_fills_up_again() -> None:
    limit = Limit(rate=2, burst=3)

    assert [limit.take("a", 10) for _ in range(4)] == [True, True, True, False]
    assert limit.take("b", 10)
    assert [limit.take("a", 10.5), limit.take("a", 10.5)] == [True, False]
    assert [limit.take("a", 99) for _ in range(4)] == [True, True, True, False]


def test_limits_of_a_million_askers_take_no_memory_without_bound() -> None:
    limit = Limit(rate=1, burst=1, most=10)
    for number in range(100):
        limit.take(str(number), 0)
    assert len(limit) == 10
    assert not limit.take("99", 0)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_names_of_users_fit_and_tell_when_they_end(place: str) -> None:
    name = user_name(place, 1_800_000_000.7, "0123abcd")

    assert len(name) <= 64
    user = {"UserName": name, "Path": f"/spark-notebooks/r/{place}/"}
    assert read_user(user, "/spark-notebooks/r/") == TemporaryUser(name, place, 1_800_000_000)


@pytest.mark.parametrize(
    "user",
    [
        {"UserName": "ada", "Path": "/spark-notebooks/r/user-ada/"},
        {"UserName": "user-ada-1800000000-0123abcd", "Path": "/"},
        {"UserName": "user-ada-1800000000-0123abcd", "Path": "/spark-notebooks/other/user-ada/"},
        {"UserName": "user-ada-1800000000-0123abcd"},
    ],
)
def test_users_of_others_are_left_alone(user: dict[str, Any]) -> None:
    assert read_user(user, "/spark-notebooks/r/") is None
