"""Says at the end of a run, from JUnit reports, what failed and what was skipped, and why; on CI a skipped test is a failure.

With `--failed-in RECORD FOLDERS` it lists the files below folders in which tests failed, by pytest's own record of the last run.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

BAD = ("failure", "error")
AGAIN = "-again"  # ends the name of the report of what was run once more, after a failure


def ended(report: str, *outcomes: str) -> list[tuple[str, str]]:
    """The tests of one JUnit XML report that ended in one of `outcomes` ("skipped", "failure", "error"), as (test, reason)."""
    return [
        (test, result.get("message") or "no reason given")
        for test, case in _cases(report)
        for outcome in outcomes
        for result in case.iter(outcome)
    ]


def passed(report: str) -> set[str]:
    return {test for test, _ in _cases(report)} - {test for test, _ in ended(report, *BAD, "skipped")}


def _cases(report: str) -> list[tuple[str, ElementTree.Element]]:
    root = ElementTree.fromstring(report)  # noqa: S314 (written by our own pytest run)
    return [(f"{case.get('classname')}.{case.get('name')}", case) for case in root.iter("testcase")]


def files_of(tests: Iterable[str], folders: Sequence[str]) -> list[str]:
    """The files below folders ("tests/e2e/") that pytest's names of tests are in; whole files, because tests of one may follow from each other."""
    return sorted({test.partition("::")[0] for test in tests if test.startswith(tuple(folders))})


def main(paths: list[str]) -> int:
    if paths[0] == "--failed-in":
        for file in files_of(json.loads(Path(paths[1]).read_text(encoding="utf-8")), paths[2:]):
            print(file)
        return 0
    reports = {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in paths}
    for name, report in reports.items():
        if name.endswith(AGAIN):
            before = {test for test, _ in ended(reports[name.removesuffix(AGAIN)], *BAD)}
            for test, reason in ended(report, *BAD):
                if test not in before:
                    print(f"failed when its file was run again: {test}: {reason[:600]}")
            continue
        later = passed(reports[name + AGAIN]) if name + AGAIN in reports else set()
        for test, reason in ended(report, *BAD):
            print(f"failed{', and passed when it was run again' if test in later else ''}: {test}: {reason[:600]}")
    skipped = [entry for report in reports.values() for entry in ended(report, "skipped")]
    for test, reason in skipped:
        print(f"skipped: {test}: {reason}")
    if not skipped:
        print("nothing was skipped")
    return 1 if skipped and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
