"""Addresses, as the browser and as Spark know them."""

import re

import pytest
from spark_ui.paths import PAST, SESSION_ID, Prefix, location, route, upstream_path

BASE = "/user/ada/"
ORIGIN = "http://127.0.0.1:4040"
PREFIX = Prefix(BASE, "0a1b2c3d")


def test_no_word_that_sparks_scripts_look_for_stands_before_its_own_path() -> None:
    for prefix in (PREFIX, Prefix(BASE, PAST), Prefix(BASE, PAST, "key")):
        assert not {"proxy", "history"} & set(str(prefix).split("/"))


@pytest.mark.parametrize(
    ("path", "groups"),
    [
        ("/user/ada/spark-ui/0a1b2c3d", (None, "0a1b2c3d", None)),
        ("/user/ada/spark-ui/0a1b2c3d/", (None, "0a1b2c3d", "/")),
        ("/user/ada/spark-ui/lab-k_y/0a1b2c3d/jobs/", ("k_y", "0a1b2c3d", "/jobs/")),
        ("/user/ada/spark-ui/0a1b2c3/jobs/", None),
        ("/user/ada/spark-ui/0a1b2c3d4/jobs/", None),
        ("/user/ada/spark-ui/0A1B2C3D/jobs/", None),
        ("/user/ada/spark-ui/4040/jobs/", None),
        ("/user/ada/spark-ui/lab-a/b/0a1b2c3d/", None),
        ("/user/eve/spark-ui/0a1b2c3d/", None),
    ],
)
def test_route(path: str, groups: tuple[str | None, ...] | None) -> None:
    match = re.fullmatch(route(BASE, SESSION_ID), path)
    assert (match and match.groups()) == groups


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (f"{PREFIX}/", "/"),
        (f"{PREFIX}/jobs/job/?id=1&x=%2F", "/jobs/job/?id=1&x=%2F"),
        (f"{PREFIX}/a%20b", "/a%20b"),
        (f"{PREFIX}//example.org/", "//example.org/"),
    ],
)
def test_path_for_spark(uri: str, path: str) -> None:
    assert upstream_path(uri, PREFIX) == path


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (f"{ORIGIN}/jobs/", f"{PREFIX}/jobs/"),
        ("/jobs/?a=b", f"{PREFIX}/jobs/?a=b"),
        (f"{ORIGIN}{PREFIX}/stages/", f"{PREFIX}/stages/"),
        (f"{PREFIX}/stages/", f"{PREFIX}/stages/"),
        (f"{PREFIX}", f"{PREFIX}"),
        (f"{PREFIX}4/", f"{PREFIX}{PREFIX}4/"),
        ("http://example.org/", "http://example.org/"),
        ("//example.org/", "//example.org/"),
        ("jobs/", "jobs/"),
    ],
)
def test_redirects(given: str, seen: str) -> None:
    assert location(given, PREFIX, ORIGIN) == seen
