"""Keys by the IAM API, for S3 services without AssumeRole (versitygw): a user with one key and one policy, who lives for an hour.

The user's name says when it ends, and its path whose it is, so nothing is kept here: several copies of the service work beside each other, each makes users of its own
(IAM gives a user two keys at most, which would not be enough to share one), and any of them removes what has ended.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from ..credentials import Credentials, StillGranted
from ..errors import unavailable
from ..identity import Grant
from .client import Client, no_keys, policy_for, reason

POLICY_NAME: Final = "workspace"
# Keys end for their holders a little before they are removed: a request on its way is let through.
GRACE_SECONDS: Final = 60
AT_ONCE: Final = 8

_NAME: Final = re.compile(r".{1,42}-(\d{10})-[0-9a-f]{8}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TemporaryUser:
    """A user of this service: its name, whose it is (a namespace, or namespace/member), and when it ends (seconds since 1970)."""

    name: str
    holder: str
    ends: int


def user_name(namespace: str, ends: float, nonce: str) -> str:
    """At most 62 of IAM's 64 characters; nonce has 8 hexadecimal digits."""
    return f"{namespace[:42]}-{int(ends):010d}-{nonce}"


def read_user(user: dict[str, Any], root: str) -> TemporaryUser | None:
    """A user of IAM's list, by the path that all of this service's begin with; None where it is somebody else's."""
    path, match = str(user.get("Path", "")), _NAME.fullmatch(str(user["UserName"]))
    if match is None or not path.startswith(root):
        return None
    return TemporaryUser(str(user["UserName"]), path.removeprefix(root).strip("/"), int(match[1]))


class IamUsersMint:
    """Makes users and removes them. release is part of their path, so that installations on one IAM do not see each other's."""

    def __init__(
        self,
        *,
        release: str,
        bucket: str,
        region: str,
        endpoint: str | None,
        seconds: int,
        partition: str = "aws",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.root = f"/spark-notebooks/{release}/"
        self.bucket, self.seconds, self.partition = bucket, seconds, partition
        self._clock = clock
        self.client = Client("iam", region, endpoint)

    async def make(self, grant: Grant) -> Credentials:
        """A new user's key. Raises StsError; what was half made is removed."""
        policy = policy_for(grant, self.bucket, self.partition)
        ends = int(self._clock()) + self.seconds
        name = user_name(grant.namespace, ends, secrets.token_hex(4))
        try:
            iam = await self.client.get()
            await iam.create_user(UserName=name, Path=f"{self.root}{grant.holder}/")
            try:
                await iam.put_user_policy(UserName=name, PolicyName=POLICY_NAME, PolicyDocument=policy)
                answer = await iam.create_access_key(UserName=name)
            except (BotoCoreError, ClientError):
                await self._remove(name)
                raise
        except (BotoCoreError, ClientError) as error:
            raise no_keys(error) from error
        key = answer["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"], "", ends)

    async def clear(self, still_granted: StillGranted) -> int:
        """Removes the users that have ended, and those of workspaces that get nothing any more; gives their number.

        still_granted is asked once for each workspace that has keys. What cannot be removed now is left for the next time. Raises StsError where there is
        no list.
        """
        try:
            users = [user async for user in self._users()]
        except (BotoCoreError, ClientError) as error:
            raise unavailable(f"The IAM gives no list of its users ({reason(error)}).") from error
        now = self._clock()
        gone = {user.name for user in users if now > user.ends + GRACE_SECONDS}
        slots = asyncio.Semaphore(AT_ONCE)

        async def ask(holder: str) -> None:
            async with slots:
                if not await still_granted(holder):
                    gone.update(user.name for user in users if user.holder == holder)

        await asyncio.gather(*(ask(each) for each in {user.holder for user in users if user.name not in gone}))
        removed = 0
        for name in sorted(gone):
            try:
                await self._remove(name)
                removed += 1
            except (BotoCoreError, ClientError) as error:
                log.warning("The IAM user %s could not be removed now: %s", name, reason(error))
        return removed

    async def close(self) -> None:
        """Ends the client's connections; users stay until they end."""
        await self.client.close()

    async def _users(self) -> AsyncIterator[TemporaryUser]:
        iam = await self.client.get()
        async for page in iam.get_paginator("list_users").paginate(PathPrefix=self.root):
            for user in page["Users"]:
                if found := read_user(user, self.root):
                    yield found

    async def _remove(self, name: str) -> None:
        """Removes a user with its keys, the keys first; whatever is gone already is passed over."""
        iam = await self.client.get()
        keys = await self._unless_gone(iam.list_access_keys(UserName=name))
        for key in keys.get("AccessKeyMetadata", []):
            await self._unless_gone(iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"]))
        await self._unless_gone(iam.delete_user_policy(UserName=name, PolicyName=POLICY_NAME))
        await self._unless_gone(iam.delete_user(UserName=name))

    async def _unless_gone(self, call: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        try:
            return await call
        except ClientError as error:
            if reason(error) != "NoSuchEntity":
                raise
            return {}
