from __future__ import annotations

import pytest
from s3_contents import paths
from s3_contents.paths import Home
from tornado.web import HTTPError


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://notebooks", "notebooks", ""),
        ("s3://notebooks/", "notebooks", ""),
        ("s3://notebooks/users/ada", "notebooks", "users/ada/"),
        ("s3://my.bucket-1/ä b/", "my.bucket-1", "ä b/"),
    ],
)
def test_a_home_is_a_bucket_and_a_prefix(url: str, bucket: str, prefix: str) -> None:
    assert Home.parse(url) == Home(bucket, prefix)


@pytest.mark.parametrize(
    "url",
    ["", "notebooks", "/tmp", "s3:/notebooks", "http://notebooks/x", "s3://", "s3://ab", "s3://UPPER/x", "s3://b_c/x"],
)
def test_what_is_no_s3_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not an S3 address of the form s3://bucket/prefix"):
        Home.parse(url)


@pytest.mark.parametrize(
    "url", ["s3://bucket/a/../b", "s3://bucket/a//b", "s3://bucket/.s3_contents", "s3://bucket/\n"]
)
def test_a_prefix_that_s3_would_change_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket"):
        Home.parse(url)


def test_paths_and_keys_lead_to_each_other() -> None:
    home = Home("bucket", "users/ada/")
    assert home.key("a/b.ipynb") == "users/ada/a/b.ipynb"
    assert home.path("users/ada/a/b.ipynb") == "a/b.ipynb"
    assert home.folder("a") == "users/ada/a/"
    assert home.path("users/ada/a/") == "a"
    assert home.folder("") == "users/ada/"
    assert home.path("users/ada/") == ""
    assert home.checkpoints("a/b.ipynb") == "users/ada/.s3_contents/checkpoints/a/b.ipynb/"
    whole = Home("bucket", "")
    assert (whole.key("a"), whole.folder("a"), whole.folder("")) == ("a", "a/", "")


def test_keys_have_a_thousand_bytes_at_most() -> None:
    home = Home("bucket", "users/ada/")
    longest = "ä" * ((1023 - len("users/ada/")) // 2)
    assert len(home.folder(longest).encode()) <= 1024
    with pytest.raises(HTTPError, match="too long for S3: 1024 bytes of 1023"):
        home.key(longest + "ab"[: 1024 - len(home.key(longest).encode())])


@pytest.mark.parametrize("path", ["a", "/a/b/", "a b/ c ", "ä/√", "a\\b", "a:b*?", ".hidden/x", "a..b", "..."])
def test_names_are_kept(path: str) -> None:
    assert paths.canonical(path) == path.strip("/")


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("..", 404, "cannot lead upwards"),
        ("a/../../b", 404, "cannot lead upwards"),
        ("a//b", 400, "empty part"),
        ("a/./b", 400, "or a '.'"),
        (".", 400, "or a '.'"),
        ("a\x00", 400, "control character"),
        ("a\r\nb", 400, "control character"),
        ("a\x7f", 400, "control character"),
        ("\udcff", 400, "not valid Unicode"),
        (".s3_contents", 400, "is kept for checkpoints and history"),
        (".s3_contents/checkpoints/a", 400, "is kept for checkpoints and history"),
    ],
)
def test_names_that_would_not_be_kept_are_refused_with_a_reason(path: str, status: int, why: str) -> None:
    with pytest.raises(HTTPError, match=why) as raised:
        paths.canonical(path)
    assert raised.value.status_code == status
    assert not paths.is_canonical(path)


def test_the_reserved_name_is_free_below_the_top() -> None:
    assert paths.is_canonical("a/.s3_contents")


@pytest.mark.parametrize("path", [".a", "a/.b", ".a/b", "/.a/"])
def test_hidden(path: str) -> None:
    assert paths.is_hidden(path)


@pytest.mark.parametrize("path", ["", "/", "a", "a.b/c."])
def test_not_hidden(path: str) -> None:
    assert not paths.is_hidden(path)


@pytest.mark.parametrize(
    ("name", "taken", "insert", "free"),
    [
        ("a.txt", set(), "", "a.txt"),
        ("a.txt", {"a.txt"}, "", "a1.txt"),
        ("a.txt", {"a.txt", "a1.txt", "a3.txt"}, "", "a2.txt"),
        ("a.tar.gz", {"a.tar.gz"}, "-Copy", "a-Copy1.tar.gz"),
        ("a.b.ipynb", {"a.b.ipynb"}, "-Copy", "a.b-Copy1.ipynb"),
        ("Untitled Folder", {"Untitled Folder"}, " ", "Untitled Folder 1"),
        ("README", {"README"}, "-Copy", "README-Copy1"),
        (".profile", {".profile"}, "-Copy", "-Copy1.profile"),
    ],
)
def test_free_names(name: str, taken: set[str], insert: str, free: str) -> None:
    assert paths.free_name(name, taken, insert) == free


def test_splitting_and_joining() -> None:
    assert paths.split("a/b/c") == ("a/b", "c")
    assert paths.split("c") == ("", "c")
    assert paths.join("a/b", "c") == "a/b/c"
    assert paths.join("", "c") == "c"
