"""Lists the tests that were skipped, and why, from JUnit reports; on CI a skipped test is a failure."""

import os
import sys
from pathlib import Path
from xml.etree import ElementTree


def skipped(report: str) -> list[tuple[str, str]]:
    """The skipped tests of one JUnit XML report as (test, reason)."""
    root = ElementTree.fromstring(report)  # noqa: S314 (written by our own pytest run)
    return [
        (f"{case.get('classname')}.{case.get('name')}", skip.get("message") or "no reason given")
        for case in root.iter("testcase")
        for skip in case.iter("skipped")
    ]


def main(paths: list[str]) -> int:
    found = [entry for path in paths for entry in skipped(Path(path).read_text(encoding="utf-8"))]
    for test, reason in found:
        print(f"skipped: {test}: {reason}")
    if not found:
        print("nothing was skipped")
    return 1 if found and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
