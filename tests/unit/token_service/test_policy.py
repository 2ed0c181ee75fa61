"""What the keys of a workspace open: whatever somebody is called, their own prefix and nothing beside it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spark_notebooks_hub.notebook import NotebookStorage
from spark_notebooks_hub.workspace import user_slug
from token_service.policy import MOST_CHARACTERS, Access, checked_prefix, policy_text, session_policy, shared

NAMES = st.one_of(
    st.text(min_size=1, max_size=60),
    st.text(alphabet="*?${}/.:-aAä", min_size=1, max_size=20),
    st.sampled_from(
        ["*", "?", "${*}", "${aws:username}", "..", "a/../b", "a/*", "ada*", "users", "ада", "a\u202eb", "a\nb"]
    ),
)


def matches(pattern: str, text: str) -> bool:
    """As IAM compares: `*` is any text, `?` one character; `${...}` stands for what a caller could have chosen, so for anything."""
    with_variables = re.sub(r"\$\{[^}]*\}", "*", pattern)
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in with_variables)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def may(policy: dict[str, Any], action: str, key: str) -> bool:
    """Whether the policy allows an action on an object, or a listing with a prefix."""
    for statement in policy["Statement"]:
        if not any(matches(each, f"s3:{action}") for each in statement["Action"]):
            continue
        listing = "Condition" in statement
        resource = "arn:aws:s3:::notebooks" + ("" if listing else f"/{key}")
        patterns = statement["Condition"]["StringLike"]["s3:prefix"] if listing else []
        if any(matches(each, resource) for each in statement["Resource"]) and (
            not listing or any(matches(each, key) for each in patterns)
        ):
            return True
    return False


def policy_of(*prefixes: str) -> dict[str, Any]:
    return session_policy("notebooks", Access(prefixes))


@given(name=NAMES, other=NAMES, rest=st.text(max_size=20))
def test_nobodys_name_opens_what_is_anothers(name: str, other: str, rest: str) -> None:
    prefix = f"users/{user_slug(name)}"
    policy = policy_of(checked_prefix(prefix, ["users"]))

    for key in (
        f"users/{user_slug(other)}/{rest}",
        f"users/{other}/{rest}",
        f"users/{name}{rest}",
        f"users/{rest}",
        rest,
    ):
        own = key.startswith(f"{prefix}/")
        for action in ("GetObject", "PutObject", "DeleteObject", "ListBucket", "ListBucketVersions"):
            assert may(policy, action, key) == own, (action, key)


@given(prefix=NAMES, key=st.text(max_size=30))
def test_a_prefix_means_itself_or_is_refused(prefix: str, key: str) -> None:
    try:
        policy = policy_of(prefix)
    except ValueError:
        return
    assert may(policy, "GetObject", key) == key.startswith(f"{prefix}/")
    assert may(policy, "ListBucket", key) == key.startswith(f"{prefix}/")


@given(name=NAMES)
def test_every_name_has_a_prefix_that_is_the_home_of_its_notebooks(name: str) -> None:
    home = NotebookStorage("notebooks", "users", "us-east-1").home(user_slug(name))

    assert checked_prefix(home.removeprefix("s3://notebooks/"), ["users"])


def test_what_is_open_and_what_is_not() -> None:
    policy = policy_of("users/ada", "groups/physics")

    assert may(policy, "GetObject", "users/ada/a.ipynb")
    assert may(policy, "PutObject", "groups/physics/a.ipynb")
    assert may(policy, "ListBucket", "users/ada/")
    for action, key in [
        ("GetObject", "users/ada2/a.ipynb"),
        ("GetObject", "users/ada"),
        # It would name the folders of everybody whose name begins so.
        ("ListBucket", "users/ada"),
        ("ListBucket", ""),
        ("ListBucketMultipartUploads", "users/ada/"),
        ("PutBucketPolicy", "users/ada/"),
        ("PutObjectAcl", "users/ada/a.ipynb"),
    ]:
        assert not may(policy, action, key), (action, key)


@pytest.mark.parametrize(
    "prefix", ["users", "user", "usersx/ada", "groups/physics", "/users/ada", "users/", "users//a", "users/.."]
)
def test_prefixes_are_below_a_root(prefix: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        checked_prefix(prefix, ["users"])


@pytest.mark.parametrize("bucket", ["*", "a*", "notebooks/users", "", "Notebooks", "notebooks\n"])
def test_a_bucket_is_a_name(bucket: str) -> None:
    with pytest.raises(ValueError, match="bucket"):
        session_policy(bucket, Access(("users/ada",)))


def test_no_prefix_is_no_policy() -> None:
    with pytest.raises(ValueError, match="no prefix"):
        policy_of()


def test_a_policy_is_as_long_as_services_take() -> None:
    few = [f"groups/{number:040d}" for number in range(8)]

    assert len(policy_text("notebooks", Access(tuple(few)))) <= MOST_CHARACTERS
    with pytest.raises(ValueError, match="characters"):
        policy_text("notebooks", Access(tuple(few * 3)))
    assert json.loads(policy_text("notebooks", Access(tuple(few)))) == policy_of(*few)


@given(name=NAMES, rest=st.text(max_size=20), other=NAMES)
def test_what_is_only_read_is_never_written(name: str, rest: str, other: str) -> None:
    try:
        access = shared(["groups/physics"], [name], {"groups/physics": "write", name: "read"})
        policy = session_policy("notebooks", Access(("users/ada", *access.prefixes), access.readable))
    except ValueError:
        return
    for key in (f"{name}/{rest}", f"{other}/{rest}", f"{name}{rest}", rest, name, f"{name}/../users/bob/a"):
        written = key.startswith(("users/ada/", "groups/physics/"))
        read = written or key.startswith(f"{name}/")
        for action in ("GetObject", "GetObjectVersion", "ListBucket", "ListBucketVersions"):
            assert may(policy, action, key) == read, (action, key)
        for action in ("PutObject", "DeleteObject", "DeleteObjectVersion", "PutObjectTagging", "AbortMultipartUpload"):
            assert may(policy, action, key) == written, (action, key)


@pytest.mark.parametrize(
    ("written", "read", "access"),
    [
        (["groups/a"], [], Access(("groups/a",))),
        (["groups/a"], ["groups/b"], Access(("groups/a",), ("groups/b",))),
        # The values allow nobody to write there any more.
        (["groups/b"], [], Access((), ("groups/b",))),
        # Nobody has it any more; or somebody has written more onto the namespace than the values share.
        (["groups/c", "users/bob", "*"], ["users", "", "groups/a/x"], Access(())),
        (["groups/a"], ["groups/a"], Access(("groups/a",))),
    ],
)
def test_no_more_is_shared_than_the_values_say(written: list[str], read: list[str], access: Access) -> None:
    assert shared(written, read, {"groups/a": "write", "groups/b": "read"}) == access


@pytest.mark.parametrize(
    "prefix", ["*", "groups/*", "groups/?", "${aws:username}", "/groups", "groups/", "a//b", "..", ""]
)
def test_a_shared_prefix_that_could_mean_more_is_refused(prefix: str) -> None:
    for written, read in (([prefix], []), ([], [prefix])):
        with pytest.raises(ValueError, match="is not made of"):
            shared(written, read, {prefix: "write"})
