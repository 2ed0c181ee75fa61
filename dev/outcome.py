"""Says at the end of a run, from JUnit reports, what failed and what was skipped, and why; on CI a skipped test is a failure."""

import os
import sys
from pathlib import Path
from xml.etree import ElementTree

BAD = ("failure", "error")


def ended(report: str, *outcomes: str) -> list[tuple[str, str]]:
    """The tests of one JUnit XML report that ended in one of `outcomes` ("skipped", "failure", "error"), as (test, reason)."""
    root = ElementTree.fromstring(report)  # noqa: S314 (written by our own pytest run)
    return [
        (f"{case.get('classname')}.{case.get('name')}", result.get("message") or "no reason given")
        for case in root.iter("testcase")
        for outcome in outcomes
        for result in case.iter(outcome)
    ]


def main(paths: list[str]) -> int:
    reports = [Path(path).read_text(encoding="utf-8") for path in paths]
    for test, reason in (entry for report in reports for entry in ended(report, *BAD)):
        print(f"failed: {test}: {reason[:600]}")
    skipped = [entry for report in reports for entry in ended(report, "skipped")]
    for test, reason in skipped:
        print(f"skipped: {test}: {reason}")
    if not skipped:
        print("nothing was skipped")
    return 1 if skipped and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
