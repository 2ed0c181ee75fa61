"""Who has which shared folder, and what of the values is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spark_notebooks_hub.config import hub_config
from spark_notebooks_hub.shared_folders import Share, SharedFolder, are_too_many, named_groups, settings, shares_of
from spark_notebooks_hub.values import ValuesError, parse_values
from token_service.policy import Access, policy_text

FOLDERS = [
    SharedFolder("flights", "groups/flights", groups=["students"]),
    SharedFolder("flights", "groups/flights", groups=["pilots"], users=["ada"], writable=True),
    SharedFolder("course", "courses/2026", everyone=True),
    SharedFolder("law", "groups/law", users=["eve"], writable=True),
]
COURSE = Share("course", "courses/2026", writable=False)


@pytest.mark.parametrize(
    ("user", "groups", "found"),
    [
        ("bob", [], [COURSE]),
        ("bob", ["students"], [Share("flights", "groups/flights", writable=False), COURSE]),
        ("bob", ["pilots"], [Share("flights", "groups/flights", writable=True), COURSE]),
        ("bob", ["pilots", "students"], [Share("flights", "groups/flights", writable=True), COURSE]),
        ("ada", ["students"], [Share("flights", "groups/flights", writable=True), COURSE]),
        ("eve", ["unknown"], [COURSE, Share("law", "groups/law", writable=True)]),
        # A user who is called as a group is not in it.
        ("pilots", [], [COURSE]),
        ("bob", ["ada", "*", "pil", "Pilots"], [COURSE]),
    ],
)
def test_who_has_what(user: str, groups: list[str], found: list[Share]) -> None:
    assert shares_of(FOLDERS, user, groups) == found
    assert shares_of([FOLDERS[1], FOLDERS[0], *FOLDERS[2:]], user, groups) == found, (
        "the order of entries means nothing"
    )


def test_the_contents_manager_is_told_of_a_share_by_its_address() -> None:
    assert settings([COURSE], "notebooks") == [
        {"name": "course", "url": "s3://notebooks/courses/2026", "writable": False}
    ]
    assert named_groups(FOLDERS) == {"students", "pilots"}


BASE: dict[str, Any] = {
    "release": {"name": "sn", "namespace": "platform", "fullname": "sn"},
    "singleuser": {"image": {"name": "notebook"}},
}
FLIGHTS = {"name": "flights", "prefix": "groups/flights", "groups": ["pilots"], "access": "write"}


def values(*folders: dict[str, Any], s3: dict[str, Any] | None = None, **singleuser: Any) -> Any:
    mine = {"singleuser": BASE["singleuser"] | {"sharedFolders": list(folders)} | singleuser, "s3": s3 or {}}
    return parse_values(BASE | mine)


def test_the_values_reach_the_spawner() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"}
    c = hub_config(values(FLIGHTS | {"prefix": "/groups/flights/"}, sharedFoldersIn="team"), keys)
    assert c.WorkspaceSpawner.shared_folders == [
        SharedFolder("flights", "groups/flights", ["pilots"], [], everyone=False, writable=True)
    ]
    assert c.WorkspaceSpawner.contents_settings["shares_folder"] == "team"


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        ([{"name": "x", "prefix": "groups/x"}], "'x' is for nobody"),
        ([FLIGHTS | {"everyone": True}], "for everyone and some others"),
        ([FLIGHTS | {"name": "a/b"}], "one name of a folder"),
        ([FLIGHTS | {"name": ".x"}], "one name of a folder"),
        ([FLIGHTS | {"name": "a\n"}], "one name of a folder"),
        ([FLIGHTS | {"access": "all"}], "access"),
        ([FLIGHTS | {"group": "pilots"}], "group"),
        ([FLIGHTS, FLIGHTS | {"prefix": "groups/other"}], "'flights' has two prefixes"),
        ([FLIGHTS | {"prefix": "users/ada"}], r"is below s3\.prefix \(users\)"),
        ([FLIGHTS | {"prefix": "users"}], "holds each person's own folder"),
        (
            [FLIGHTS, FLIGHTS | {"name": "x", "prefix": "groups/flights/x", "access": "read"}],
            "'x' .* is within 'flights'",
        ),
        ([FLIGHTS, FLIGHTS | {"name": "x", "access": "read"}], "'x' .* is within 'flights'"),
        *(
            ([FLIGHTS | {"prefix": wrong}], "between slashes")
            for wrong in (
                "",
                "/",
                "*",
                "groups/*",
                "groups/?",
                "groups/${aws:username}",
                "a//b",
                "a/../b",
                "a b",
                "ä",
                "a\n",
                ".x",
            )
        ),
    ],
)
def test_wrong_values_are_named(folders: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(ValuesError, match=why):
        values(*folders)


def test_neighbours_and_what_is_only_read_are_fine() -> None:
    values(
        FLIGHTS,
        FLIGHTS | {"access": "read", "groups": ["students"]},
        FLIGHTS | {"name": "flights2", "prefix": "groups/flights2"},
        {"name": "all", "prefix": "users", "groups": ["teachers"]},
        {"name": "users2", "prefix": "users2", "groups": ["teachers"], "access": "write"},
        {"name": "groups", "prefix": "groups", "groups": ["teachers"]},
    )
    with pytest.raises(ValuesError, match=r"s3\.prefix is empty"):
        values(FLIGHTS, s3={"prefix": ""})


@given(
    st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=30),
    st.sampled_from(["nbs", "notebooks", "n" * 63]),
    st.sampled_from(["aws", "aws-us-gov"]),
)
@example([(1, False)] * 3 + [(3, False)] + [(60, False)] * 3, "n" * 63, "aws-us-gov")
def test_what_the_hub_lets_through_fits_into_a_policy(
    lengths: list[tuple[int, bool]], bucket: str, partition: str
) -> None:
    shares = [
        Share(str(number), f"{number:0{length}d}"[-length:], writable)
        for number, (length, writable) in enumerate(lengths)
    ]
    home = f"users/{'a' * 48}"
    if are_too_many(home, shares, bucket):
        return
    written = tuple(share.prefix for share in shares if share.writable)
    access = Access((home, *written), tuple(share.prefix for share in shares if not share.writable))
    assert policy_text(bucket, access, partition)


def test_a_dozen_folders_are_not_too_many_and_forty_are() -> None:
    def shares(number: int) -> list[Share]:
        return [Share(str(each), f"groups/{each:017d}", writable=True) for each in range(number)]

    assert not are_too_many("users/ada", shares(13), "notebooks")
    assert are_too_many("users/ada", shares(40), "notebooks")
