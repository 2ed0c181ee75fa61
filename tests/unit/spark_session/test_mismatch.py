"""Differences between the notebook's Python and that of executors."""

from __future__ import annotations

from pathlib import Path

import pytest
from spark_session.mismatch import Installed, difference, installed, may_differ, of_failure
from spark_session.plan import build

from .conftest import MakeContext

HERE = Installed("3.13.5", {"numpy": "2.3.1", "pandas": "2.3.0", "lifelines": "0.30.0"})


def test_the_same() -> None:
    there = Installed("3.13.9", {**HERE.packages, "more": "1.0"})
    assert difference(HERE, HERE) is None
    assert difference(HERE, there) is None


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (Installed("3.12.1", HERE.packages), "Python is 3.13.5 here and 3.12.1 there"),
        (Installed("3.13.5", {"numpy": "2.3.1", "pandas": "2.3.0"}), "They lack lifelines 0.30.0."),
        (
            Installed("3.13.5", {"numpy": "1.26.0", "pandas": "2.3.0", "lifelines": "0.30.0"}),
            "Other versions: numpy (2.3.1 here, 1.26.0 there).",
        ),
    ],
)
def test_a_difference_is_named(there: Installed, words: str) -> None:
    reason = difference(HERE, there)
    assert reason is not None
    assert words in reason.why


def test_many_differences_are_counted() -> None:
    here = Installed("3.13.5", {f"package{number}": "1" for number in range(10)})
    reason = difference(here, Installed("3.13.5", {}))
    assert reason is not None
    assert reason.why.endswith("package7 1 and 2 more.")


def test_a_job_that_fails_for_its_python() -> None:
    message = (
        "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.12 than that in driver: 3.13, "
        "PySpark cannot run with different minor versions."
    )
    reason = of_failure(message, HERE)
    assert reason is not None
    assert "3.13.5 here and 3.12 there" in reason.why
    assert of_failure("ZeroDivisionError", HERE) is None


def test_this_python_knows_itself() -> None:
    assert installed().packages["pytest"]


def test_one_image_and_no_package_of_ones_own_cannot_differ(make_context: MakeContext, tmp_path: Path) -> None:
    assert not may_differ(build(make_context()), tmp_path)
    assert may_differ(build(make_context(conf={"spark.pyspark.python": "/usr/bin/python3"})), tmp_path)
    admin = {"conf": {"spark.kubernetes.executor.container.image": "other"}}
    assert may_differ(build(make_context(admin=admin)), tmp_path)
    (tmp_path / "lifelines-0.30.0.dist-info").mkdir()
    assert may_differ(build(make_context()), tmp_path)
