"""Collecting event logs, on fsspec's file system in memory."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from spark_session.event_logs import Collector, is_due

HOME = "s3://notebooks/users/ada"
PLACE = "/notebooks/users/ada/.spark-history"
NAME = "eventlog_v2_spark-1"


@pytest.fixture
def store() -> Iterator[MemoryFileSystem]:
    MemoryFileSystem.store.clear()
    yield MemoryFileSystem()
    MemoryFileSystem.store.clear()


@pytest.fixture
def collector(tmp_path: Path, store: MemoryFileSystem) -> Collector:
    def open_store(url: str) -> tuple[AbstractFileSystem, str]:
        assert url == f"{HOME}/.spark-history"
        return store, PLACE

    return Collector(tmp_path, HOME, logging.getLogger("test"), open_store)


def write(folder: Path, **files: str) -> Path:
    log = folder / NAME
    log.mkdir(exist_ok=True)
    for name, text in files.items():
        (log / name.replace("DOT", ".").replace("DASH", "-")).write_text(text)
    return log


def kept(store: MemoryFileSystem) -> dict[str, str]:
    return {path.removeprefix(f"{PLACE}/{NAME}/"): store.cat_file(path).decode() for path in store.find(PLACE)}


def test_a_log_that_ended_moves(tmp_path: Path, store: MemoryFileSystem, collector: Collector) -> None:
    log = write(tmp_path, events_1_sparkDASH1="one", events_2_sparkDASH1="two", appstatus_sparkDASH1="")
    collector.collect([])
    assert kept(store) == {"events_1_spark-1": "one", "events_2_spark-1": "two", "appstatus_spark-1": ""}
    assert not log.exists()


def test_a_log_that_grows_is_sent_now_and_then_and_its_finished_pieces_move(
    tmp_path: Path, store: MemoryFileSystem, collector: Collector
) -> None:
    log = write(tmp_path, events_9_sparkDASH1="nine", events_10_sparkDASH1="te", appstatus_sparkDASH1DOTinprogress="")
    collector.collect(["spark-1"])
    assert kept(store) == {"events_9_spark-1": "nine", "events_10_spark-1": "te", "appstatus_spark-1.inprogress": ""}
    assert sorted(path.name for path in log.iterdir()) == ["appstatus_spark-1.inprogress", "events_10_spark-1"]

    write(tmp_path, events_10_sparkDASH1="ten")
    collector.collect(["spark-1"])
    assert kept(store)["events_10_spark-1"] == "te"
    collector.collect(["spark-1"], everything=True)
    assert kept(store)["events_10_spark-1"] == "ten"

    write(tmp_path, events_10_sparkDASH1="tenth")
    (log / "appstatus_spark-1.inprogress").rename(log / "appstatus_spark-1")
    collector.collect(["spark-1"])
    assert kept(store) == {"events_9_spark-1": "nine", "events_10_spark-1": "tenth", "appstatus_spark-1": ""}
    assert not log.exists()


def test_the_log_of_a_driver_that_was_killed_is_kept_as_unfinished(
    tmp_path: Path, store: MemoryFileSystem, collector: Collector
) -> None:
    log = write(tmp_path, events_1_sparkDASH1="one", appstatus_sparkDASH1DOTinprogress="")
    collector.collect([])
    assert log.exists(), "it may be of a session whose record is not written yet"
    for path in (*log.iterdir(), log):
        os.utime(path, (time.time() - 1000, time.time() - 1000))
    collector.collect([])
    assert kept(store) == {"events_1_spark-1": "one", "appstatus_spark-1.inprogress": ""}
    assert not log.exists()


def test_a_store_that_fails_costs_nothing_and_is_tried_again(
    tmp_path: Path, store: MemoryFileSystem, collector: Collector, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    log = write(tmp_path, events_1_sparkDASH1="one", appstatus_sparkDASH1="")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no")

    with monkeypatch.context() as patch:
        patch.setattr(store, "put_file", refuse)
        collector.collect([])
    assert "spark-1 did not reach s3://notebooks/users/ada/.spark-history: PermissionError: no" in caplog.text
    assert len(list(log.iterdir())) == 2
    collector.collect([])
    assert kept(store) == {"events_1_spark-1": "one", "appstatus_spark-1": ""}


def test_nothing_to_collect_asks_nothing_of_the_store(tmp_path: Path) -> None:
    def refuse(_: str) -> tuple[AbstractFileSystem, str]:
        raise AssertionError

    Collector(tmp_path / "none", HOME, logging.getLogger("test"), refuse).collect([])
    Collector(tmp_path, HOME, logging.getLogger("test"), refuse).collect([])


def test_big_logs_are_sent_more_rarely() -> None:
    assert not is_due(1000, 59)
    assert is_due(1000, 60)
    assert not is_due(100_000_000, 60)
    assert is_due(100_000_000, 500)
