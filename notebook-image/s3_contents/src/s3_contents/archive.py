"""Files as a zip archive that is made while it is sent: neither the files nor the archive are ever whole in memory or on a disk."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from io import RawIOBase

# Of what is left to gain, most takes several times as long.
LEVEL = 1
_EARLIEST = (
    1980,
    1,
    1,
    0,
    0,
    0,
)  # that a zip archive can express; https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, or with ``content`` None a folder. ``name`` is its path in the archive, ``modified`` is in UTC."""

    name: str
    modified: datetime
    content: AsyncIterator[bytes] | None


async def zipped(members: AsyncIterator[Member]) -> AsyncGenerator[bytes]:
    """The bytes of the archive, as they come to be. What reading a member raises ends it, unfinished."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        async for member in members:
            if member.content is None:
                archive.writestr(_info(member), b"")
            else:
                with archive.open(_info(member), "w", force_zip64=True) as file:
                    async for chunk in member.content:
                        await asyncio.to_thread(file.write, chunk)
                        if taken := sink.take():
                            yield taken
            yield sink.take()
    # The table of contents: after an error nobody gets it.
    yield sink.take()


def _info(member: Member) -> zipfile.ZipInfo:
    time = max(member.modified.timetuple()[:6], _EARLIEST)
    info = zipfile.ZipInfo(member.name + ("/" if member.content is None else ""), time)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (0o40755 if member.content is None else 0o100644) << 16
    return info


class _Sink(RawIOBase):
    """What is written, until it is taken away. It cannot be sought in, so that the archive needs no return to what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken
