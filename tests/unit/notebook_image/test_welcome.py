"""The examples that a new person gets: once, and nothing is ever written over."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from traitlets.config import Config
from welcome import Welcome
from welcome.copy import MARKER, example_files, give

HOME = "/notebooks/users/ada"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    for name, content in {
        "Flights.ipynb": "{}",
        "data/readme.md": "data",
        ".hidden": "x",
        "data/.ipynb_checkpoints/readme-checkpoint.md": "x",
        "__pycache__/a.pyc": "x",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def store() -> Iterator[MemoryFileSystem]:
    store = MemoryFileSystem(skip_instance_cache=True)
    yield store
    if store.exists("/notebooks"):
        store.rm("/notebooks", recursive=True)


def test_hidden_files_and_byte_code_are_no_examples(examples):
    assert [path.name for path in example_files(examples)] == ["Flights.ipynb", "readme.md"]


def test_a_new_person_gets_all_of_them_in_their_folders(store, examples):
    assert give(store, HOME, examples, "Welcome") == [f"{HOME}/Welcome/Flights.ipynb", f"{HOME}/Welcome/data/readme.md"]
    assert store.cat(f"{HOME}/Welcome/data/readme.md") == b"data"
    assert store.exists(f"{HOME}/{MARKER}")


def test_a_second_start_does_nothing(store, examples):
    give(store, HOME, examples, "Welcome")
    store.pipe(f"{HOME}/Welcome/Flights.ipynb", b"changed")
    assert give(store, HOME, examples, "Welcome") is None
    assert store.cat(f"{HOME}/Welcome/Flights.ipynb") == b"changed"


def test_a_deleted_folder_does_not_come_back(store, examples):
    give(store, HOME, examples, "Welcome")
    store.rm(f"{HOME}/Welcome", recursive=True)
    give(store, HOME, examples, "Welcome")
    assert not store.exists(f"{HOME}/Welcome")


def test_what_is_there_before_the_first_start_is_not_written_over(store, examples):
    store.pipe(f"{HOME}/Welcome/Flights.ipynb", b"mine")
    assert give(store, HOME, examples, "Welcome") == [f"{HOME}/Welcome/data/readme.md"]
    assert store.cat(f"{HOME}/Welcome/Flights.ipynb") == b"mine"


def test_a_copy_that_was_cut_short_is_completed_by_the_next_start(store, examples, monkeypatch):
    pipe = store.pipe_file

    def fails_on_the_second(path: str, *arguments: object, **options: object) -> None:
        if path.endswith("readme.md"):
            raise OSError("connection lost")
        pipe(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(store, "pipe_file", fails_on_the_second)
        with pytest.raises(OSError, match="connection lost"):
            give(store, HOME, examples, "Welcome")
    assert give(store, HOME, examples, "Welcome") == [f"{HOME}/Welcome/data/readme.md"]


async def test_the_extension_copies_to_the_home_of_the_environment(store, examples, monkeypatch):
    monkeypatch.setenv("SPARK_NOTEBOOKS_S3_HOME", f"memory:/{HOME}")
    await Welcome(config=Config(Welcome={"examples": str(examples)})).run()
    assert store.exists(f"{HOME}/Welcome/Flights.ipynb")


async def test_without_a_home_nothing_happens(store, examples, monkeypatch):
    monkeypatch.delenv("SPARK_NOTEBOOKS_S3_HOME", raising=False)
    await Welcome(examples=str(examples)).run()
    assert not store.exists("/notebooks")


async def test_a_failure_is_a_warning_that_says_what_and_where(examples, caplog):
    log = logging.getLogger("welcome-test")
    extension = Welcome(home="no-such-protocol://bucket/ada", examples=str(examples), log=log)
    with caplog.at_level(logging.WARNING, logger=log.name):
        await extension.run()
    (record,) = caplog.records
    assert "not copied to Welcome in no-such-protocol://bucket/ada" in record.message
    assert str(examples) in record.message
