"""A step of a pipeline: what it runs, how it ends, and what it hands on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from spark_session.batch.step import parse_arguments
from spark_session.errors import SparkSessionError
from spark_session.passing import LONGEST_OUTPUT, OUTPUT_VARIABLE, pass_on
from spark_session.pipelines import script_component

from dev.paths import REPOSITORY

SCRIPT = """
import sys
from spark_session import pass_on
print("arguments", sys.argv[1:])
pass_on("first")
pass_on("é" + sys.argv[1])
sys.exit(int(sys.argv[2]))
"""


def step(folder: Path, script: str, *arguments: object, name: str = "count.py") -> subprocess.CompletedProcess[str]:
    (folder / name).write_text(script)
    words = ["--output", str(folder / "new" / "output"), "--arguments", json.dumps(arguments), "--", str(folder / name)]
    return subprocess.run(
        [sys.executable, "-m", "spark_session.batch.step", *words],
        env={"PYTHONPATH": str(REPOSITORY / "spark_session" / "src"), "TMPDIR": str(folder), "HOME": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("code", [0, 3, 75, 255])
def test_it_ends_as_its_script_and_hands_on_what_that_says_last(tmp_path: Path, code: int) -> None:
    done = step(tmp_path, SCRIPT, "--day", code)
    assert (done.returncode, done.stdout) == (code, f"arguments ['--day', '{code}']\n"), done.stderr
    assert (tmp_path / "new" / "output").read_text(encoding="utf-8") == "é--day"


def test_a_script_that_hands_nothing_on_hands_on_nothing(tmp_path: Path) -> None:
    assert step(tmp_path, "").returncode == 0
    assert (tmp_path / "new" / "output").read_text() == ""


def test_what_is_killed_ends_as_a_shell_would_tell_it(tmp_path: Path) -> None:
    assert step(tmp_path, "import os; os.kill(os.getpid(), 9)").returncode == 137


def test_what_cannot_be_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = step(tmp_path, "{}", name="report.ipynb")
    assert done.returncode == 2
    assert "Name a Python script." in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        ('["--day", "2013-01-01"]', ["--day", "2013-01-01"]),
        ("[3.0, 0.5, 7, -1.0]", ["3", "0.5", "7", "-1"]),
    ],
)
def test_arguments_are_texts(text: str, expected: list[str]) -> None:
    assert parse_arguments(text) == expected


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '"text"', "[true]", "[null]", '[["a"]]'])
def test_other_arguments_are_refused(text: str) -> None:
    with pytest.raises(SparkSessionError, match="They are a list of texts and numbers"):
        parse_arguments(text)


def test_outside_of_a_pipeline_what_is_handed_on_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(OUTPUT_VARIABLE, raising=False)
    pass_on("s3://notebooks/users/ada/report")
    assert capsys.readouterr().out == "s3://notebooks/users/ada/report\n"


@pytest.mark.parametrize("what", [3, None, b"bytes", "x" * (LONGEST_OUTPUT + 1), "é" * LONGEST_OUTPUT])
def test_what_cannot_be_handed_on(what: object) -> None:
    with pytest.raises(SparkSessionError, match="hand on its address"):
        pass_on(what)  # type: ignore[arg-type]


def test_without_kfp_it_says_what_to_install() -> None:
    with pytest.raises(SparkSessionError, match="pip install kfp"):
        script_component("registry.example.org/notebook:1")
