"""The report of skipped tests."""

from pathlib import Path

import pytest

from dev.skipped import main, skipped

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="ran"/>
<testcase classname="a" name="left_out"><skipped message="no network"/></testcase>
</testsuite></testsuites>"""


def test_skipped_tests_are_listed_with_their_reason() -> None:
    assert skipped(REPORT) == [("a.left_out", "no network")]


@pytest.mark.parametrize(("ci", "status"), [("true", 1), (None, 0)])
def test_ci_allows_no_skipped_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str | None, status: int
) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci:
        monkeypatch.setenv("CI", ci)
    (tmp_path / "unit.xml").write_text(REPORT)
    assert main([str(tmp_path / "unit.xml")]) == status
