"""The one exception whose text is written for researchers."""

from __future__ import annotations

import reprlib


class SparkSessionError(Exception):
    """What happened, why, and what to do next, each in a sentence.

    Args:
        what: what did not work, with the value at fault.
        why: the reason.
        fix: what the reader can do now.
    """

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(what, why, fix)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what} {self.why} {self.fix}"


class TryAgainError(SparkSessionError):
    """What may go well another time, as it is: the cluster is full, a node was lost. A job that ends with it ends with exit code 75, so `--retries` runs it again."""


class SparkSessionWarning(UserWarning):
    """Something was not done as asked, and the session goes on."""


def show(value: object) -> str:
    """A value for an error message: as Python writes it, cut where it is long."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxlong = writer.maxother = 60
    return writer.repr(value)


def first_line(text: str, length: int = 200) -> str:
    """The first line of a text without a full stop, cut where it is long."""
    line = next(iter(text.strip().splitlines()), "").rstrip(". ")
    return line if len(line) <= length else line[: length - 1] + "…"
