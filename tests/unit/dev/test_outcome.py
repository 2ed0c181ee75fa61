"""What a run says at its end."""

import json
from pathlib import Path

import pytest

from dev.outcome import ended, files_of, main

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="ran"/>
<testcase classname="a" name="left_out"><skipped message="no network"/></testcase>
</testsuite></testsuites>"""
FAILED = """<testsuites><testsuite>
<testcase classname="b" name="broke"><failure message="assert 1 == 2">a long traceback</failure></testcase>
<testcase classname="b" name="had_no_node"><error message="failed on setup">another</error></testcase>
</testsuite></testsuites>"""


def test_tests_are_listed_with_their_reason() -> None:
    assert ended(REPORT, "skipped") == [("a.left_out", "no network")]
    assert ended(FAILED, "failure", "error") == [
        ("b.broke", "assert 1 == 2"),
        ("b.had_no_node", "failed on setup"),
    ]


@pytest.mark.parametrize(("ci", "status"), [("true", 1), (None, 0)])
def test_ci_allows_no_skipped_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str | None, status: int
) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", ci)
    (tmp_path / "unit.xml").write_text(REPORT)
    assert main([str(tmp_path / "unit.xml")]) == status


def test_failures_are_repeated_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "e2e.xml").write_text(FAILED)
    assert main([str(tmp_path / "e2e.xml")]) == 0  # the suite itself has failed
    assert "failed: b.broke: assert 1 == 2" in capsys.readouterr().out


def test_what_passed_when_it_was_run_again_is_told_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "e2e.xml").write_text(FAILED)
    (tmp_path / "e2e-again.xml").write_text(FAILED.replace("failure", "system-out"))
    assert main([str(tmp_path / name) for name in ("e2e-again.xml", "e2e.xml")]) == 0
    printed = capsys.readouterr().out
    assert "failed, and passed when it was run again: b.broke: assert 1 == 2" in printed
    assert "failed: b.had_no_node: failed on setup" in printed
    assert printed.count("b.broke") == 1


def test_what_fails_only_when_its_file_is_run_again_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "e2e.xml").write_text(FAILED.replace("<failure", "<system-out").replace("</failure", "</system-out"))
    (tmp_path / "e2e-again.xml").write_text(FAILED)
    main([str(tmp_path / name) for name in ("e2e-again.xml", "e2e.xml")])
    assert "failed when its file was run again: b.broke: assert 1 == 2" in capsys.readouterr().out


def test_what_is_run_again_are_whole_files_of_one_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = ["tests/e2e/test_a.py::test_two[x::y]", "tests/e2e/test_a.py::test_one", "tests/unit/test_b.py::test_c"]
    assert files_of(failed, ["tests/e2e/"]) == ["tests/e2e/test_a.py"]
    record = tmp_path / "lastfailed"
    record.write_text(json.dumps(dict.fromkeys(failed, True)))
    assert main(["--failed-in", str(record), "tests/unit/"]) == 0
    assert capsys.readouterr().out == "tests/unit/test_b.py\n"
