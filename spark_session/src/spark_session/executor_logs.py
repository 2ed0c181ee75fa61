"""The last lines of executors that are gone, in a folder of this machine, where somebody wants them after the session: a job does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER_VARIABLE = "SPARK_SESSION_EXECUTOR_LOGS"
MOST = 200
"""Logs that are kept there."""

_NAME = re.compile(r"(?P<session>[0-9a-f]{8})_(?P<executor>\d+)\.log", re.ASCII)


@dataclass(frozen=True)
class Executor:
    """An executor of a job: the session that it belongs to, and Spark's number of it, which begin anew with each session."""

    session: str
    number: str

    @property
    def file(self) -> str:
        """Name of the file with its log."""
        return f"{self.session}_{self.number}.log"


def parse(name: str) -> Executor | None:
    """The executor whose log is in a file of that name; None for another file."""
    match = _NAME.fullmatch(name)
    return Executor(match["session"], match["executor"]) if match else None


def is_wanted(variables: Mapping[str, str]) -> bool:
    """Whether somebody wants them."""
    return bool(variables.get(FOLDER_VARIABLE))


def write(variables: Mapping[str, str], executor: Executor, text: str) -> None:
    """Keep the log of an executor, where somebody wants it. What cannot be written is left out."""
    if not is_wanted(variables):
        return
    folder = Path(variables[FOLDER_VARIABLE])
    with suppress(OSError):
        if len(list(folder.iterdir())) < MOST:
            path = folder / executor.file
            partial = path.with_suffix(".partial")
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
