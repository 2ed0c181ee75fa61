"""Files and variables that a job takes along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from spark_session.batch import code, manifest, run, s3, travel
from spark_session.batch.code import copy_of, digest_of
from spark_session.batch.details import what_runs
from spark_session.batch.manifest import Place
from spark_session.batch.request import parse
from spark_session.batch.source import Source, find, find_file
from spark_session.environment import S3, Workspace
from spark_session.errors import SparkSessionError

HOME = "s3://notebooks/users/ada"
SCRIPT = Source("work.py", b"print(1)", HOME)
DATA = Source("data.csv", b"1;2", HOME)


@pytest.mark.parametrize(
    ("text", "found"), [("A=1", ("A", "1")), ("A=", ("A", "")), ("A=b=c", ("A", "b=c")), ("HERE", ("HERE", "ours"))]
)
def test_a_variable_is_given_with_its_value_or_by_its_name(text: str, found: tuple[str, str]) -> None:
    assert travel.parse_variable(text, {"HERE": "ours"}) == found


def test_a_variable_that_is_not_here_has_no_value() -> None:
    with pytest.raises(SparkSessionError, match="--env NOWHERE="):
        travel.parse_variable("NOWHERE", {})


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"1A": "x"}, "begins with no digit"),
        ({"": "x"}, "begins with no digit"),
        ({"A-B": "x"}, "letters, digits and _"),
        ({"A": 1}, "the value is a text"),
        ({"A": "\0"}, "cannot be an environment variable"),
        ({"AWS_REGION": "eu"}, "are the platform's"),
        ({"POD_NAME": "x"}, "are the platform's"),
        ({"SPARK_NOTEBOOKS_IMAGE": "x"}, "are the platform's"),
    ],
)
def test_what_cannot_be_a_variable_is_refused(variables: dict[str, Any], words: str) -> None:
    with pytest.raises(SparkSessionError, match=words):
        parse(SCRIPT, env=variables)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([Source("work.py", b"", None)], "two files of the name"),
        ([DATA, Source("data.csv", b"other", None)], "two files of the name"),
        ([Source("big.bin", bytes(travel.LARGEST_FILE + 1), None)], "101 MiB|100 MiB"),
    ],
)
def test_files_that_cannot_go_along_are_refused(files: list[Source], words: str) -> None:
    with pytest.raises(SparkSessionError, match=words):
        parse(SCRIPT, files=files)


def test_long_values_count_as_arguments_do() -> None:
    with pytest.raises(SparkSessionError, match="variables cannot be given"):
        parse(SCRIPT, env={"A": "x" * 100_001})


def test_any_file_is_found_and_only_some_can_be_run(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"1;2")
    assert find_file(tmp_path / "data.csv", HOME, None) == DATA
    assert find_file("sub/data.csv", HOME, None, {f"{HOME}/sub/data.csv": b"1;2"}.get).content == b"1;2"
    with pytest.raises(SparkSessionError, match="cannot be run as a job"):
        find(tmp_path / "data.csv", HOME, None)
    with pytest.raises(SparkSessionError, match="is not there"):
        find_file(tmp_path / "none.csv", None, None)


def test_they_arrive_in_the_folder_that_the_job_runs_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    request = parse(SCRIPT, env={"STAGE": "$(X)"}, files=[DATA, DATA])
    workspace = Workspace("user-ada", "notebook", "", "https://a:1", "registry/notebook:1", "Always")
    made = manifest.job("work-1", request, copy_of(HOME, "work.py", b""), Place(workspace, S3(home=HOME)))
    [container] = made["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables["STAGE"] == "$$(X)"
    assert what_runs(made["metadata"]["annotations"], made["spec"])["files"] == "data.csv"
    stored = {copy_of(HOME, "data.csv", b"1;2").url: b"1;2"}
    monkeypatch.setattr(s3, "read", lambda url, _: stored[url])
    monkeypatch.chdir(tmp_path)
    run.take_along(variables)
    assert (tmp_path / "data.csv").read_bytes() == b"1;2"
    stored.update(dict.fromkeys(stored, b"3"))
    with pytest.raises(SparkSessionError, match="was changed"):
        run.take_along(variables)
    run.take_along({})
    assert json.loads(travel.written([DATA], digest_of)) == [[code.digest_of(b"1;2"), "data.csv"]]
