"""The command line of jobs, as far as it decides by itself."""

from __future__ import annotations

import builtins
import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from spark_session.batch import command
from spark_session.batch.follow import CannotWriteError
from spark_session.batch.outcome import Outcome, State
from spark_session.batch.past import past

from .test_batch_past import FAILED, job


class Job:
    """One that is interrupted, or ends."""

    name = "a-1"

    def __init__(self, end: Outcome | None = None) -> None:
        self.end = end
        self.cancelled = False

    def wait(self) -> Outcome:
        if self.end is None:
            raise KeyboardInterrupt
        return self.end

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What submit was called with; the job that it gives stands under "job"."""
    found: dict[str, Any] = {"job": Job(Outcome(State.SUCCEEDED, 0))}

    def submit(script: str, arguments: list[str], **options: Any) -> Job:
        found.update(script=script, arguments=arguments, **options)
        return found["job"]  # type: ignore[no-any-return]

    monkeypatch.setattr(command, "submit", submit)
    return found


def test_what_comes_after_two_dashes_is_the_scripts(asked: dict[str, Any]) -> None:
    assert command.main(["submit", "x.py", "--executors", "2", "--", "--executors", "9", "--", "-h"]) == 0
    assert (asked["script"], asked["executors"]) == ("x.py", 2)
    assert asked["arguments"] == ["--executors", "9", "--", "-h"]


def test_parameters_are_named_one_by_one(asked: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["submit", "x.ipynb", "-p", "day=2013-01-01", "-p", "n=3"]) == 0
    assert asked["parameters"] == {"day": "2013-01-01", "n": 3}
    assert command.main(["submit", "x.ipynb", "-p", "day"]) == 2
    assert "For example -p day=2013-01-01." in capsys.readouterr().err


def test_of_which_ends_one_is_told_is_one_of_three(asked: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["submit", "x.py", "--notify", "always"]) == 0
    assert asked["notify"] == "always"
    command.main(["submit", "x.py"])
    assert asked["notify"] is None
    with pytest.raises(SystemExit):
        command.main(["submit", "x.py", "--notify", "loudly"])
    # Some releases of Python quote the choices.
    assert "(choose from always, failure, never)" in capsys.readouterr().err.replace("'", "")


def test_a_jar_has_its_class_and_what_it_brings_along(asked: dict[str, Any]) -> None:
    words = ["--class", "com.example.Main", "--jars", "a.jar,s3://b/c.jar", "--packages", "d:e:1"]
    assert command.main(["submit", "app.jar", *words, "--", "--class", "x"]) == 0
    assert (asked["main_class"], asked["packages"]) == ("com.example.Main", ["a.jar", "s3://b/c.jar", "d:e:1"])
    assert asked["arguments"] == ["--class", "x"]
    command.main(["submit", "x.py"])
    assert (asked["main_class"], asked["packages"]) == (None, [])


def test_profiles_are_named(asked: dict[str, Any]) -> None:
    assert command.main(["submit", "x.py", "--profile", "spot", "--driver-profile", "core"]) == 0
    assert (asked["profile"], asked["driver_profile"]) == ("spot", "core")


def test_profiles_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"SparkSessionDefaults": {"profiles": {"spot": {"description": "Cheap nodes that may go."}}}}
    monkeypatch.setenv("SPARK_SESSION_CONFIG", json.dumps(config))
    assert command.main(["profiles"]) == 0
    assert "Cheap nodes that may go." in capsys.readouterr().out


def test_without_waiting_the_name_is_all_that_is_printed(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    asked["job"] = Job()
    assert command.main(["submit", "x.py", "--no-wait"]) == 0
    assert capsys.readouterr() == ("a-1\n", "")


@pytest.mark.parametrize("code", [0, 1, 2, 124, 137, 143, 255])
def test_the_command_ends_as_the_job(asked: dict[str, Any], code: int) -> None:
    asked["job"] = Job(Outcome(State.FAILED if code else State.SUCCEEDED, code))
    assert command.main(["submit", "x.py"]) == code


@pytest.mark.parametrize(
    ("answer", "stopped"),
    [("y", True), (" YES ", True), ("n", False), ("", False), (EOFError(), False), (KeyboardInterrupt(), False)],
)
def test_ctrl_c_asks(asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, answer: Any, stopped: bool) -> None:
    def say(_: str) -> str:
        if isinstance(answer, BaseException):
            raise answer
        return str(answer)

    asked["job"] = Job()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", say)
    assert command.main(["submit", "x.py"]) == 130
    assert asked["job"].cancelled is stopped


def test_a_job_goes_on_when_nobody_reads_what_it_prints(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wait() -> Outcome:
        raise CannotWriteError("Broken pipe")

    monkeypatch.setattr(asked["job"], "wait", wait)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    assert command.main(["submit", "x.py"]) == 141
    assert "a-1 goes on." in capsys.readouterr().err


@pytest.mark.parametrize(("ends", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141)])
def test_a_command_that_is_broken_off_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, ends: BaseException, code: int
) -> None:
    def workspace_jobs() -> None:
        raise ends

    monkeypatch.setattr(command, "workspace_jobs", workspace_jobs)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    assert command.main(["logs", "a-1"]) == code


class Schedule:
    """One that is paused, resumed and run."""

    def __init__(self, name: str, apis: Any) -> None:
        self.name, self.asked = name, apis

    def next_runs(self) -> list[datetime]:
        return [datetime(2026, 11, day, 3, tzinfo=UTC) for day in (22, 23, 24)]

    def pause(self) -> None:
        self.asked["paused"] = True

    def resume(self) -> None:
        self.asked["paused"] = False

    def run_now(self) -> Job:
        return Job(Outcome(State.FAILED, 3))


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What schedule was called with, and whether the schedule is paused."""
    found: dict[str, Any] = {}

    def schedule(script: str, when: str, arguments: list[str], **options: Any) -> Schedule:
        found.update(script=script, when=when, arguments=arguments, **options)
        return Schedule("x", found)

    monkeypatch.setattr(command, "schedule", schedule)
    monkeypatch.setattr(command, "Schedule", Schedule)
    monkeypatch.setattr(command, "workspace_jobs", lambda: found)
    return found


NEXT_RUNS = "It runs next on\n  Sun 2026-11-22 03:00 UTC\n  Mon 2026-11-23 03:00 UTC\n  Tue 2026-11-24 03:00 UTC\n"


def test_a_schedule_has_all_options_of_a_job_and_tells_its_next_runs(
    scheduled: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["x.py", "--schedule", "0 3 * * *", "--time-zone", "Europe/Vienna", "--overlap", "allow", "--retries", "2"]
    assert command.main(["submit", *words, "--", "a"]) == 0
    assert (scheduled["script"], scheduled["when"], scheduled["arguments"]) == ("x.py", "0 3 * * *", ["a"])
    assert (scheduled["time_zone"], scheduled["overlap"], scheduled["retries"]) == ("Europe/Vienna", "allow", 2)
    assert capsys.readouterr().out == f"x is scheduled, also while your notebook does not run.\n{NEXT_RUNS}"
    assert command.main(["submit", "x.py", "--schedule", "@daily", "--no-wait"]) == 0
    assert (scheduled["time_zone"], scheduled["overlap"]) == ("UTC", "forbid")
    assert capsys.readouterr().out == "x\n"


@pytest.mark.parametrize("words", [["--time-zone", "UTC"], ["--overlap", "forbid"]])
def test_what_belongs_to_a_schedule_is_refused_without_one(
    asked: dict[str, Any], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["submit", "x.py", *words]) == 2
    assert "script" not in asked
    assert "Say when: --schedule" in capsys.readouterr().err


def test_a_schedule_is_paused_resumed_and_run_as_a_job_is(
    scheduled: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["pause", "x"]) == 0
    assert scheduled["paused"] is True
    assert "x is paused." in capsys.readouterr().out
    assert command.main(["resume", "x"]) == 0
    assert scheduled["paused"] is False
    assert capsys.readouterr().out == f"x goes on.\n{NEXT_RUNS}"
    assert command.main(["run-now", "x"]) == 3
    assert "Job a-1 failed with exit code 3." in capsys.readouterr().err
    assert command.main(["run-now", "x", "--no-wait"]) == 0
    assert capsys.readouterr().out == "a-1\n"


def test_a_rerun_is_followed_as_any_job(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[str, bool]] = []

    def rerun(name: str, overlap: bool) -> Job:
        asked.append((name, overlap))
        return Job(Outcome(State.FAILED, 3))

    monkeypatch.setattr(command, "rerun", rerun)
    assert command.main(["rerun", "x-1"]) == 3
    assert "Job a-1 failed with exit code 3." in capsys.readouterr().err
    assert command.main(["rerun", "x-1", "--overlap", "--no-wait"]) == 0
    assert capsys.readouterr().out == "a-1\n"
    assert asked == [("x-1", False), ("x-1", True)]


def test_the_history_is_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "history", lambda last: [past(job(), FAILED)] * last)
    assert command.main(["history", "--last", "2"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "STATE", "EXIT", "CODE", "SUBMITTED", "TOOK", "SCRIPT"]
    assert [line.split() for line in lines] == [
        ["flights-3f09ac", "failed", "3", "2026-11-21", "10:00", "35", "s", "flights.py"]
    ] * 2


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["rerun"],
        ["submit"],
        ["ls", "--", "x"],
        ["submit", "x.py", "stray"],
        ["pause"],
        ["submit", "x.py", "--schedule", "@daily", "--overlap", "queue"],
    ],
)
def test_a_wrong_call_is_no_job(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(words)
    assert caught.value.code == 2


def test_on_another_machine_there_is_no_job(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SPARK_NOTEBOOKS_IMAGE", raising=False)
    script = tmp_path / "x.py"
    script.touch()
    assert command.main(["submit", str(script)]) == 2
    assert "There is no workspace here for a job to run in." in capsys.readouterr().err
