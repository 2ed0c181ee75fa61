"""What is asked for when a job is started, and what is refused before anything starts."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from spark_session.batch.code import copy_of
from spark_session.batch.request import parse, parse_timeout
from spark_session.batch.source import Source
from spark_session.errors import SparkSessionError
from spark_session.placement import DRIVERS, EXECUTORS, Offered, Profile

SCRIPT = Source("Nightly Flights (1).py", b"print(1)\n", None)
CELL = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["n = 1"]}
NOTEBOOK = Source(
    "report.ipynb", json.dumps({"nbformat": 4, "cells": [CELL]}).encode(), "s3://notebooks/users/ada/work"
)


def test_a_job_is_called_as_its_script_in_letters_that_kubernetes_takes() -> None:
    request = parse(SCRIPT, ["--date", "$(HOME)"], executors=2, timeout="1.5h", driver_memory="2g", driver_cores="500m")
    assert (request.script, request.content, request.slug) == (
        "Nightly Flights (1).py",
        b"print(1)\n",
        "nightly-flights-1",
    )
    assert (request.timeout, request.driver_memory, request.driver_cores) == (5400, 2048, 0.5)


@pytest.mark.parametrize(
    ("name", "slug"), [("2026 report", "job-2026-report"), ("Ümläut", "ml-ut"), ("🐝", "job"), ("a" * 99, "a" * 40)]
)
def test_any_name_begins_the_name_of_an_object(name: str, slug: str) -> None:
    assert parse(SCRIPT, name=name).slug == slug


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"parameters": {"n": 3}}, "It is a script, and parameters are for notebooks."),
        ({"source": NOTEBOOK, "arguments": ["3"]}, "It is a notebook, and arguments are for scripts and jars."),
        ({"source": NOTEBOOK, "parameters": {"m": 3}}, "has no parameter 'm'."),
        ({"executors": 0}, "executors=0 is not a number of executors."),
        ({"executors": 9, "most_executors": 8}, "Ask for executors=8 or fewer."),
        ({"retries": -1}, "retries=-1 is not a number of retries."),
        ({"retries": 11}, "from 0 to 10"),
        ({"timeout": "2 weeks"}, "timeout='2 weeks' is not a time"),
        ({"timeout": "8d"}, "7 days at most"),
        ({"timeout": "0.5s"}, "is not a time"),
        ({"driver_memory": "4"}, "driver_memory='4' is not a size."),
        ({"driver_cores": -1}, "driver_cores=-1"),
        ({"arguments": "--date"}, "They are a list of texts."),
        ({"arguments": ["x" * 100_001]}, "Put what is long into a file on S3"),
        ({"arguments": ["a\0b"]}, "zero byte"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        parse(**{"source": SCRIPT, **arguments})
    assert words in str(caught.value)


OFFERED = Offered(
    {
        "spot": Profile("spot", "Cheap.", (EXECUTORS,), max_executors=30),
        "core": Profile("core", "Dear.", (DRIVERS,), {"pool": "core"}),
        "both": Profile("both", "Any."),
    },
    {EXECUTORS: "spot", DRIVERS: "both"},
)


def test_profiles_are_named_apart_for_executors_and_for_the_script_itself() -> None:
    request = parse(SCRIPT, profile="both", driver_profile="core", offered=OFFERED)
    assert (request.profile, request.driver_profile) == ("both", OFFERED.profiles["core"])
    plain = parse(SCRIPT, offered=OFFERED)
    assert (plain.profile, plain.driver_profile) == (None, OFFERED.profiles["both"])
    assert parse(SCRIPT).driver_profile is None


def test_the_limit_is_that_of_the_profile() -> None:
    assert parse(SCRIPT, executors=30, most_executors=8, offered=OFFERED).executors == 30
    with pytest.raises(SparkSessionError, match="executors=9 is too many"):
        parse(SCRIPT, executors=9, most_executors=8, profile="both", offered=OFFERED)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"profile": "gpu"}, "profile='gpu' is not among your profiles."),
        ({"profile": "core"}, "profile='core' is not for executors."),
        ({"driver_profile": "spot"}, "driver_profile='spot' is not for drivers. Your administrator offers you for drivers: \"core\" (Dear); \"both\" (Any)."),
        ({"driver_profile": ""}, "driver_profile='' is not the name of a profile."),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        parse(SCRIPT, offered=OFFERED, **arguments)
    assert words in str(caught.value)


def test_a_notebook_is_run_with_its_folder_and_its_parameters() -> None:
    request = parse(NOTEBOOK, parameters={"n": 3})
    assert request.runner == "spark_session.batch.run_notebook"
    assert request.arguments == ("s3://notebooks/users/ada/work", '{"n": 3}')
    assert parse(SCRIPT, ["a"]).runner == "spark_session.batch.run"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604800)])
def test_times_have_units(text: str, seconds: int) -> None:
    assert parse_timeout(text) == seconds


def test_a_copy_is_under_the_hash_of_what_is_in_it() -> None:
    code = copy_of("s3://notebooks/users/ada", "x.py", b"print(1)\n")
    assert code.digest == hashlib.sha256(b"print(1)\n").hexdigest()
    assert code.url == f"s3://notebooks/users/ada/.spark-jobs/code/{code.digest}/x.py"
    assert copy_of("s3://notebooks/users/ada", "x.py", b"print(2)\n").url != code.url


def test_without_a_place_on_s3_there_is_no_job() -> None:
    with pytest.raises(SparkSessionError, match="SPARK_NOTEBOOKS_S3_HOME"):
        copy_of(None, "x.py", b"")


@pytest.mark.parametrize(
    ("notify", "notices", "expected"),
    [(None, None, None), (None, "failure", None), ("always", "failure", "always"), ("never", None, "never")],
)
def test_who_is_told_of_the_end_is_the_persons_choice(
    notify: str | None, notices: str | None, expected: str | None
) -> None:
    assert parse(SCRIPT, notify=notify, notices=notices).notify == expected


@pytest.mark.parametrize(
    ("notify", "notices", "words"),
    [("always", None, "sends no notices"), ("failure", None, "sends no notices"), ("loudly", "failure", "not known")],
)
def test_a_message_that_nobody_would_send_is_refused(notify: str, notices: str | None, words: str) -> None:
    with pytest.raises(SparkSessionError, match=words):
        parse(SCRIPT, notify=notify, notices=notices)
