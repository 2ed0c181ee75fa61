"""Which prefix a path is in, and which settings of shared folders are refused; no S3."""

from __future__ import annotations

from typing import Any

import pytest
from s3_contents import S3ContentsManager, S3SessionManager
from s3_contents.errors import NotFoundError, RefusedError, RejectedError
from s3_contents.mounts import Mounts
from s3_contents.paths import is_canonical
from traitlets import TraitError
from traitlets.config import Config

FLIGHTS = {"name": "flights", "url": "s3://notebooks/groups/flights/", "writable": True}
COURSE = {"name": "course", "url": "s3://notebooks/courses/2026", "writable": False}


def mounts(*shares: dict[str, Any], url: str = "s3://notebooks/users/ada", **settings: Any) -> Mounts:
    return S3ContentsManager(url=url, shares=list(shares), **settings).mounts


BOTH = mounts(FLIGHTS, COURSE)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a.txt", "users/ada/a.txt"),
        ("flights/a.txt", "users/ada/flights/a.txt"),
        ("shared2/a.txt", "users/ada/shared2/a.txt"),
        ("x/shared/flights/a.txt", "users/ada/x/shared/flights/a.txt"),
        ("shared/flights/a.txt", "groups/flights/a.txt"),
        ("shared/flights/f/ä b.txt", "groups/flights/f/ä b.txt"),
        ("shared/flights/shared/flights/a", "groups/flights/shared/flights/a"),
        ("shared/course/a.txt", "courses/2026/a.txt"),
    ],
)
def test_each_path_has_one_key_and_each_key_one_path(path: str, key: str) -> None:
    mount = BOTH.at(path)
    assert mount.key(path) == key
    assert mount.path_of(key) == path
    assert mount.folder(path) == f"{key}/"
    assert mount.outside(mount.within(path)) == path


def test_a_share_is_a_folder_and_its_path_is_no_file() -> None:
    share = BOTH.at("shared/flights")
    assert (share.within("shared/flights"), share.folder("shared/flights")) == ("", "groups/flights/")
    assert share.path_of("groups/flights/") == "shared/flights"
    assert [BOTH.is_point(path) for path in ("", "shared", "shared/flights")] == [True] * 3
    assert [BOTH.is_point(path) for path in ("a", "shared/flights/a", "shared/other")] == [False] * 3


@pytest.mark.parametrize(
    "path", ["shared", "shared/other", "shared/other/a.txt", "shared/Flights/a.txt", "shared/a.txt"]
)
def test_what_is_no_share_of_mine_is_not_there(path: str) -> None:
    assert BOTH.get(path) is None
    assert not BOTH.is_writable(path)
    with pytest.raises(NotFoundError, match=r"holds the folders that are shared with you, and nothing else"):
        BOTH.at(path)


def test_keys_of_other_programs_become_no_other_path() -> None:
    for mount in BOTH:
        assert not is_canonical(mount.path_of(f"{mount.home.prefix}/a"))
    with pytest.raises(RejectedError, match="kept for checkpoints"):
        BOTH.at("shared/flights/.s3_contents/trash")


def test_the_folder_of_shares_is_there_only_with_shares() -> None:
    none = mounts()
    assert [mount.path for mount in none] == [""]
    assert none.points("") == none.points("shared") == []
    assert none.at("shared/flights/a").key("shared/flights/a") == "users/ada/shared/flights/a"
    assert BOTH.points("") == ["shared"]
    assert BOTH.points("shared") == ["shared/flights", "shared/course"]
    assert BOTH.points("shared/flights") == BOTH.points("x") == []
    assert mounts(FLIGHTS, shares_folder="Team").at("Team/flights/a").home.prefix == "groups/flights/"


def test_what_may_be_changed() -> None:
    assert BOTH.to_change("a.txt") is BOTH.home
    assert BOTH.to_change("shared/flights/a").path == "shared/flights"
    for path in ("shared", "shared/flights", "shared/course"):
        with pytest.raises(RejectedError, match="the administrator sets up shared folders"):
            BOTH.to_change(path)
    with pytest.raises(
        RefusedError, match=r"'shared/course' is shared with you for reading only\. Save a copy among your"
    ):
        BOTH.to_change("shared/course/a.txt")
    with pytest.raises(NotFoundError):
        BOTH.to_change("shared/new")


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ([{"name": "x", "url": "s3://notebooks/x"}], "'writable' is missing"),
        ([{**FLIGHTS, "writable": "yes"}], "true or false"),
        ([{**FLIGHTS, "name": "a/b"}], "one name"),
        ([{**FLIGHTS, "name": ""}], "one name"),
        ([{**FLIGHTS, "name": ".."}], "one name"),
        ([{**FLIGHTS, "name": ".hidden"}], "one name"),
        ([{**FLIGHTS, "name": "a\nb"}], "one name"),
        ([{**FLIGHTS, "url": "groups/flights"}], "is not an S3 address"),
        ([{**FLIGHTS, "url": "s3://other/flights"}], "in that of the home"),
        ([FLIGHTS, {**COURSE, "name": "flights"}], "Two shared folders are called 'flights'"),
        ([{**FLIGHTS, "url": "s3://notebooks/users/ada"}], "is within"),
        ([{**COURSE, "url": "s3://notebooks/users/ada/course"}], "is within the home"),
        ([{**FLIGHTS, "url": "s3://notebooks/users"}], "the home .* is within 'flights'"),
        ([{**FLIGHTS, "url": "s3://notebooks"}], "is within 'flights'"),
        ([FLIGHTS, {**COURSE, "url": "s3://notebooks/groups/flights/course"}], "'course' .* is within 'flights'"),
        ([FLIGHTS, {**COURSE, "url": "s3://notebooks/groups/flights"}], "is within 'flights'"),
    ],
)
def test_wrong_shares_stop_the_server_at_its_start(shares: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(TraitError, match=rf"S3ContentsManager\.shares and shares_folder: .*{why}"):
        mounts(*shares)


@pytest.mark.parametrize("folder", ["", "a/b", ".shared", ".."])
def test_the_folder_of_shares_has_one_name(folder: str) -> None:
    with pytest.raises(TraitError, match="one name"):
        mounts(FLIGHTS, shares_folder=folder)


def test_within_a_folder_that_can_only_be_read_there_may_be_others() -> None:
    all_homes = {**COURSE, "url": "s3://notebooks/users"}
    assert mounts(all_homes).at("shared/course/ada/a").key("shared/course/ada/a") == "users/ada/a"
    # Neighbours whose names begin alike are apart.
    assert len(list(mounts({**FLIGHTS, "url": "s3://notebooks/users/ada2"}))) == 2


def test_the_settings_come_from_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "S3_CONTENTS_CONFIG",
        '{"S3ContentsManager": {"shares_folder": "team", "shares": [{"name": "f", "url": "s3://bucket/f", "writable": true}]}}',
    )
    manager = S3ContentsManager(config=Config(S3ContentsManager={"url": "s3://bucket/home"}))
    assert [mount.path for mount in manager.mounts] == ["", "team/f"]
    assert manager.info_string() == "Serving notebooks from s3://bucket/home/, s3://bucket/f/"


@pytest.mark.parametrize(
    ("notebook", "folder"),
    [
        ("a.ipynb", "s3://notebooks/users/ada"),
        ("r/a.ipynb", "s3://notebooks/users/ada/r"),
        ("shared/flights/a.ipynb", "s3://notebooks/groups/flights"),
        ("shared/course/r/a.ipynb", "s3://notebooks/courses/2026/r"),
        ("shared/console-1", "s3://notebooks/users/ada"),
    ],
)
def test_a_kernel_knows_where_on_s3_its_notebook_is(notebook: str, folder: str) -> None:
    manager = S3ContentsManager(url="s3://notebooks/users/ada", shares=[FLIGHTS, COURSE])
    variables = S3SessionManager(contents_manager=manager).get_kernel_env(notebook)
    assert variables["SPARK_NOTEBOOKS_NOTEBOOK"] == notebook
    assert variables["SPARK_NOTEBOOKS_NOTEBOOK_FOLDER"] == folder
