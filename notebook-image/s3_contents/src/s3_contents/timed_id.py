"""Ids that tell a time and a number, so that one listing of keys tells all that a list of checkpoints, or of the trash, shows."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

_FORM = re.compile(r"(\d{13})-(\d+)-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class TimedId:
    """A time (UTC, milliseconds), a number, and something random: ``1700000000000-42-0123abcd``."""

    time: datetime
    number: int
    random: str

    @classmethod
    def new(cls, time: datetime, number: int) -> Self:
        """An id that nobody else has."""
        return cls(time, number, secrets.token_hex(4))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The id that a text is, or None."""
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        milliseconds = int(match[1])
        time = datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
        return cls(time, int(match[2]), match[3])

    def __str__(self) -> str:
        return f"{self.time.timestamp() * 1000:013.0f}-{self.number}-{self.random}"


class CheckpointId(TimedId):
    """When a checkpoint was made, and the size of the file then."""

    __slots__ = ()

    @property
    def size(self) -> int:
        """In bytes."""
        return self.number


class TrashId(TimedId):
    """When something was deleted, and of how many names its path consists.

    The path itself follows the id in the keys, so that nothing has to be written down beside the files.
    """

    __slots__ = ()

    @property
    def depth(self) -> int:
        """Names in the path."""
        return self.number
