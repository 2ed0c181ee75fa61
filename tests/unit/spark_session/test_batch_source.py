"""Where the script or notebook of a job is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from spark_session.batch.source import Source, find
from spark_session.errors import SparkSessionError

HOME, FOLDER = "s3://notebooks/users/ada", "s3://notebooks/users/ada/work"


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.py").write_bytes(b"of the disk")
    Path("locked").mkdir()
    Path("notes.txt").touch()


def found(path: str, beside: str | None = None, **on_s3: bytes) -> Source:
    """By the keys of `on_s3`: "home", "folder"."""
    places = {f"{HOME}/{path}": on_s3.get("home"), f"{FOLDER}/{path}": on_s3.get("folder"), path: on_s3.get("exact")}
    return find(path, HOME, beside, places.get)


def test_a_file_of_the_disk_is_first() -> None:
    assert found("x.py", home=b"of S3") == Source("x.py", b"of the disk", HOME)
    assert found("x.py", FOLDER).folder == FOLDER


def test_then_what_jupyterlab_shows_by_the_same_path() -> None:
    assert found("sub/a.ipynb", home=b"1") == Source("a.ipynb", b"1", f"{HOME}/sub")
    assert found("a.ipynb", FOLDER, home=b"1", folder=b"2") == Source("a.ipynb", b"2", FOLDER)
    assert found("a.ipynb", FOLDER, home=b"1") == Source("a.ipynb", b"1", HOME)


def test_an_application_is_found_as_a_script_is() -> None:
    assert found("lib/app.jar", FOLDER, folder=b"1") == Source("app.jar", b"1", f"{FOLDER}/lib")
    assert found("app.jar", home=b"1").is_jar


def test_an_address_is_taken_as_it_is() -> None:
    assert found(f"{FOLDER}/a.ipynb", exact=b"1") == Source("a.ipynb", b"1", FOLDER)


def test_nothing_is_saved_beside_what_is_somebody_elses() -> None:
    for folder in ("s3://other/jobs", f"{HOME}2"):
        assert found(f"{folder}/a.ipynb", exact=b"1") == Source("a.ipynb", b"1", HOME)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere.py", "'nowhere.py' is not there. There is no such file in "),
        ("nowhere.ipynb", f"nor on S3 in {HOME}."),
        ("../a.ipynb", "is not there"),
        ("/a.ipynb", "There is no such file in /."),
        ("s3://other/a.py", "There is no such file on S3."),
        ("locked", "'locked' cannot be read. Is a directory."),
        ("notes.txt", "its name ends neither in .py nor in .ipynb"),
    ],
)
def test_what_is_not_there_or_cannot_run_is_named(path: str, words: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        found(path)
    assert words in str(caught.value)
