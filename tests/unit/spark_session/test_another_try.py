"""Which failures of a script are worth another try, and how it says so."""

from __future__ import annotations

import subprocess
import sys

import pytest
from spark_session.another_try import is_passing
from spark_session.batch.run import run
from spark_session.environment import JOB_VARIABLE
from spark_session.errors import SparkSessionError, TryAgainError
from spark_session.reasons import Kind

from dev.paths import REPOSITORY

STAGE = "Job aborted due to stage failure: ShuffleMapStage 3 has failed the maximum allowable number of times: 4."
TASK = "Task 0 in stage 1.0 failed 4 times: Lost task 0.3: ExecutorLostFailure (executor 7 exited caused by the node)"


@pytest.mark.parametrize(
    ("error", "ends", "expected"),
    [
        (TryAgainError("a", "b", "c"), set(), True),
        (SparkSessionError("a", "b", "c"), {Kind.NODE}, False),
        (RuntimeError(STAGE), {Kind.NODE}, True),
        (RuntimeError(TASK), {Kind.NODE, Kind.QUOTA}, True),
        (RuntimeError(STAGE), set(), False),
        (RuntimeError(STAGE), {Kind.QUOTA}, False),
        (RuntimeError(STAGE), {Kind.NODE, Kind.MEMORY}, False),
        (RuntimeError(STAGE), {Kind.NODE, Kind.CRASH}, False),
        (ZeroDivisionError("division by zero"), {Kind.NODE}, False),
        (KeyboardInterrupt(), {Kind.NODE}, False),
    ],
)
def test_a_storm_of_lost_nodes_and_a_full_cluster_are_passing(
    error: BaseException, ends: set[Kind], expected: bool
) -> None:
    assert is_passing(error, ends) is expected


HERE = {"PYTHONPATH": str(REPOSITORY / "spark_session" / "src")}
SCRIPT = """
import os
from spark_session.another_try import exit_for_another_try
from spark_session.errors import SparkSessionError, TryAgainError
from spark_session.reasons import Kind
exit_for_another_try(os.environ, lambda: {Kind.MEMORY})
exit_for_another_try(os.environ, lambda: {Kind.NODE})
"""


@pytest.mark.parametrize(
    ("end", "in_a_job", "elsewhere"),
    [
        ("raise TryAgainError('a', 'b', 'c')", 75, 1),
        (f"raise RuntimeError({STAGE!r})", 75, 1),
        ("raise SparkSessionError('a', 'b', 'c')", 1, 1),
        ("1 / 0", 1, 1),
        ("raise SystemExit(3)", 3, 3),
        ("raise SystemExit('text')", 1, 1),
    ],
)
def test_the_script_of_a_job_ends_with_75_where_another_try_is_worth_it(
    end: str, in_a_job: int, elsewhere: int
) -> None:
    command = [sys.executable, "-c", SCRIPT + end]
    assert run(command, {**HERE, JOB_VARIABLE: "flights-1"}) == in_a_job
    assert run(command, {**HERE, JOB_VARIABLE: ""}) == elsewhere


def test_the_stack_trace_is_shown_once_with_what_follows_from_it() -> None:
    command = [sys.executable, "-c", f"{SCRIPT}\nraise TryAgainError('No executor came.', 'b', 'c')"]
    done = subprocess.run(command, env={**HERE, JOB_VARIABLE: "x"}, capture_output=True, text=True, check=False)
    assert done.returncode == 75
    assert done.stderr.count("TryAgainError: No executor came.") == 1
    assert done.stderr.endswith("This may go well another time: exit code 75.\n")


def test_what_a_script_catches_is_its_own() -> None:
    caught = "try:\n    raise TryAgainError('a', 'b', 'c')\nexcept SparkSessionError:\n    raise SystemExit(4)"
    assert run([sys.executable, "-c", f"{SCRIPT}\n{caught}"], {**HERE, JOB_VARIABLE: "x"}) == 4
