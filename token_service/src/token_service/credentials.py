"""Keys, and handing the same ones to all pods of a workspace for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from .identity import Grant


@dataclass(frozen=True)
class Credentials:
    """A key pair that opens what its policy says until expiration (seconds since 1970); session_token is "" where the S3 service has none."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: float


# Whether the workspace of that namespace, or a member of it (namespace/member), is to have keys at all.
StillGranted = Callable[[str], Awaitable[bool]]


class Mint(Protocol):
    """Where keys come from."""

    async def make(self, grant: Grant) -> Credentials:
        """New keys for a workspace. Raises StsError where the S3 service makes none."""

    async def clear(self, still_granted: StillGranted) -> int:
        """Removes what has ended, or belongs to workspaces that get nothing any more, and gives its number. Raises StsError where that cannot be known."""

    async def close(self) -> None:
        """Lets go of connections."""


@dataclass(frozen=True)
class _Issued:
    credentials: Credentials
    fresh_until: float


class SharedCredentials:
    """Gives all pods of a workspace the same keys for the first third of their life.

    Twenty executors that start at once cost the S3 service one pair of keys. SDKs renew keys in their last quarter of an hour, so those that are handed out have
    time enough. Keys of a grant that has changed are not handed out.
    """

    def __init__(self, mint: Mint, clock: Callable[[], float]) -> None:
        self._mint, self._clock = mint, clock
        self._issued: dict[Grant, _Issued] = {}
        self._making: dict[Grant, asyncio.Task[Credentials]] = {}

    async def get(self, grant: Grant) -> Credentials:
        """Keys for a workspace. Raises StsError as the mint does; a failure is not kept."""
        issued = self._issued.get(grant)
        if issued and self._clock() < issued.fresh_until:
            return issued.credentials
        task = self._making.get(grant)
        if task is None:
            task = self._making[grant] = asyncio.create_task(self._make(grant))
            task.add_done_callback(lambda _: self._making.pop(grant, None))
        # Whoever asked first may hang up; the others still wait.
        return await asyncio.shield(task)

    def holder(self, access_key: str) -> tuple[Grant, Credentials] | None:
        """Whose keys these are, where they were made here and have not ended."""
        now = self._clock()
        for grant, issued in self._issued.items():
            if issued.credentials.access_key == access_key and now < issued.credentials.expiration:
                return grant, issued.credentials
        return None

    def forget(self, holder: str) -> None:
        """Keys of a workspace, or of one of its members, are not handed out again: the access has ended, and with it the keys."""
        for grant in [each for each in self._issued if each.holder == holder]:
            del self._issued[grant]

    async def _make(self, grant: Grant) -> Credentials:
        began = self._clock()
        made = await self._mint.make(grant)
        self._issued[grant] = _Issued(made, began + (made.expiration - began) / 3)
        for old in [each for each, issued in self._issued.items() if issued.credentials.expiration <= began]:
            del self._issued[old]
        return made
