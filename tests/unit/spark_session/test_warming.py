"""A JVM that is started ahead of its session, with a program in its place that waits as it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from spark_session.jvm import Installation
from spark_session.launch import Launch
from spark_session.warming import Warming


class Starter:
    """Starts a program that ends with its standard input, and remembers what it started."""

    def __init__(self, folder: Path, script: str = "exec cat") -> None:
        java = folder / "java"
        java.write_text(f"#!/bin/sh\n{script}\n")
        java.chmod(0o755)
        self._installation = Installation(folder, java, "")
        self.started: list[Launch] = []

    def __call__(self, settings: Mapping[str, str], variables: Mapping[str, str]) -> Launch:
        self.started.append(Launch(self._installation, settings, {**variables, "PATH": "/usr/bin:/bin"}))
        return self.started[-1]


@pytest.fixture
def starter(tmp_path: Path) -> Starter:
    return Starter(tmp_path)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def at_work(warming: Warming) -> Iterator[None]:
    """The JVM does something ahead that lasts until the end of the block."""
    begun, enough = threading.Event(), threading.Event()

    def do(launch: Launch, is_wanted: Callable[[], bool]) -> None:
        begun.set()
        enough.wait()

    thread = threading.Thread(target=warming.work, args=[do])
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_what_waits_is_taken_once(starter: Starter, tmp_path: Path) -> None:
    warming = Warming(starter)
    warming.begin({"spark.a": "1"}, {}, tmp_path)
    warming.begin({"spark.a": "2"}, {}, tmp_path)
    taken = warming.take(lambda one: one.settings == {"spark.a": "1"})
    assert [taken] == starter.started
    assert taken is not None
    assert not taken.has_ended
    warming.begin({}, {}, tmp_path)
    assert warming.take(lambda one: True) is None
    assert len(starter.started) == 1
    taken.end()


def test_what_does_not_fit_is_ended(starter: Starter, tmp_path: Path) -> None:
    warming = Warming(starter)
    warming.begin({}, {}, tmp_path)
    assert warming.take(lambda one: False) is None
    assert starter.started[0].has_ended


def test_what_has_ended_by_itself_is_not_taken(tmp_path: Path) -> None:
    starter = Starter(tmp_path, "exit 1")
    warming = Warming(starter)
    warming.begin({}, {}, tmp_path)
    until(lambda: starter.started[0].has_ended)
    assert warming.take(lambda one: True) is None


def test_a_session_that_came_first_has_no_other_jvm_started(starter: Starter, tmp_path: Path) -> None:
    warming = Warming(starter)
    assert warming.take(lambda one: True) is None
    warming.begin({}, {}, tmp_path)
    assert starter.started == []


def test_a_session_waits_for_the_end_of_what_is_done_ahead(starter: Starter, tmp_path: Path) -> None:
    warming = Warming(starter)
    warming.begin({}, {}, tmp_path)
    begun, done = threading.Event(), []

    def do(launch: Launch, is_wanted: Callable[[], bool]) -> None:
        assert not is_wanted()
        begun.set()
        until(is_wanted)
        done.append(launch)

    thread = threading.Thread(target=warming.work, args=[do])
    thread.start()
    begun.wait()
    taken = warming.take(lambda one: True)
    assert [taken] == done == starter.started
    thread.join()
    assert taken is not None
    assert not taken.has_ended
    taken.end()


def test_what_does_not_fit_is_not_waited_for(starter: Starter, tmp_path: Path) -> None:
    warming = Warming(starter, patience_seconds=60)
    warming.begin({}, {}, tmp_path)
    with at_work(warming):
        assert warming.take(lambda one: False) is None
        assert starter.started[0].has_ended


def test_what_is_done_ahead_has_failed(starter: Starter, tmp_path: Path) -> None:
    """Nobody knows what state the JVM is in."""
    warming = Warming(starter)
    warming.begin({}, {}, tmp_path)

    def do(launch: Launch, is_wanted: Callable[[], bool]) -> None:
        raise OSError

    warming.work(do)
    assert starter.started[0].has_ended
    assert warming.take(lambda one: True) is None


def test_what_is_done_ahead_takes_too_long(starter: Starter, tmp_path: Path) -> None:
    warming = Warming(starter, patience_seconds=0.05)
    warming.begin({}, {}, tmp_path)
    with at_work(warming):
        assert warming.take(lambda one: True) is None
        assert starter.started[0].has_ended


@pytest.mark.parametrize("has_begun", [True, False])
def test_nothing_is_done_ahead_where_no_jvm_waits(starter: Starter, tmp_path: Path, has_begun: bool) -> None:
    warming = Warming(starter)
    if has_begun:
        warming.begin({}, {}, tmp_path)
    taken = warming.take(lambda one: True)
    warming.work(lambda launch, is_wanted: pytest.fail("it was done"))
    if taken is not None:
        assert not taken.has_ended
        taken.end()


def test_nobody_came(starter: Starter, tmp_path: Path) -> None:
    warming = Warming(starter, idle_seconds=0.05)
    warming.begin({}, {}, tmp_path)
    until(lambda: starter.started[0].has_ended)
    assert warming.take(lambda one: True) is None


def test_one_waits_in_all_kernels_together(starter: Starter, tmp_path: Path) -> None:
    first, second, third = Warming(starter), Warming(starter), Warming(starter)
    first.begin({}, {}, tmp_path)
    second.begin({}, {}, tmp_path)
    assert len(starter.started) == 1
    first.end()
    third.begin({}, {}, tmp_path)
    assert len(starter.started) == 2
    third.end()


def test_where_nothing_can_be_started_the_place_is_free(starter: Starter, tmp_path: Path) -> None:
    Warming(lambda settings, variables: None).begin({}, {}, tmp_path)
    other = Warming(starter)
    other.begin({}, {}, tmp_path)
    assert len(starter.started) == 1
    other.end()
