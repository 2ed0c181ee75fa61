"""What all ways of making keys share: a client of AWS's SDK, the policy, and how a failure is told."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from ..errors import StsError, unavailable
from ..identity import Grant
from ..policy import policy_text

REQUEST_SECONDS: Final = 5


class Client:
    """A client of one of AWS's services, made at its first use.

    Its keys are found as every AWS SDK does: variables, or the cloud's account of the pod. endpoint is None for AWS.
    """

    def __init__(self, service: str, region: str, endpoint: str | None) -> None:
        self.service, self.region, self.endpoint = service, region, endpoint
        self._resources = AsyncExitStack()
        self._making = asyncio.Lock()
        self._client: Any = None

    async def get(self) -> Any:
        """The same one for all who ask."""
        async with self._making:
            if self._client is None:
                client = get_session().create_client(
                    self.service, region_name=self.region, endpoint_url=self.endpoint, config=_config()
                )
                self._client = await self._resources.enter_async_context(client)
        return self._client

    async def close(self) -> None:
        """Ends its connections."""
        self._client = None
        await self._resources.aclose()


def policy_for(grant: Grant, bucket: str, partition: str) -> str:
    """The policy of a workspace's keys. Raises StsError where none can be made."""
    try:
        return policy_text(bucket, grant.access, partition)
    except ValueError as error:
        raise StsError("PackedPolicyTooLarge", f"No policy can be made for this workspace: {error}.") from error


def no_keys(error: BotoCoreError | ClientError) -> StsError:
    """The S3 service did not do as it was asked."""
    return unavailable(f"The S3 service made no keys ({reason(error)}). Ask your administrator to look.")


def reason(error: BotoCoreError | ClientError) -> str:
    """A word for what went wrong, without what a service may have put into its message."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__


def _config() -> AioConfig:
    """Patience of a client on whose answer pods wait."""
    return AioConfig(
        connect_timeout=REQUEST_SECONDS,
        read_timeout=REQUEST_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=32,
    )
