"""The id of a checkpoint, which tells its time and size, so that one listing of keys tells all that a list of them shows."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

_FORM = re.compile(r"(\d{13})-(\d+)-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class CheckpointId:
    """When a checkpoint was made (UTC, milliseconds) and the size of the file then, in bytes."""

    time: datetime
    size: int
    random: str

    @classmethod
    def new(cls, time: datetime, size: int) -> Self:
        """The id of another checkpoint."""
        return cls(time, size, secrets.token_hex(4))

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
        return f"{self.time.timestamp() * 1000:013.0f}-{self.size}-{self.random}"
