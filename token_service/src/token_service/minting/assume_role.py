"""Keys by STS AssumeRole with a session policy: AWS, Ceph RGW, MinIO and those that follow it."""

from contextlib import AsyncExitStack
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from ..credentials import Credentials
from ..errors import StsError, unavailable
from ..identity import Grant
from ..policy import policy_text

REQUEST_SECONDS: Final = 5


class AssumeRoleMint:
    """Asks an STS for a session of one role, kept to the workspace's prefixes by a session policy.

    The service's own keys are found as every AWS SDK does: variables, or the cloud's account of the pod. role is the role's ARN, which MinIO passes over;
    endpoint is None for AWS.
    """

    def __init__(
        self, *, role: str, bucket: str, region: str, endpoint: str | None, seconds: int, partition: str = "aws"
    ) -> None:
        self.role, self.bucket, self.region, self.endpoint = role, bucket, region, endpoint
        self.seconds, self.partition = seconds, partition
        self._resources = AsyncExitStack()
        self._client: Any = None

    async def make(self, grant: Grant) -> Credentials:
        """A session of the role. Raises StsError."""
        try:
            policy = policy_text(self.bucket, grant.access, self.partition)
        except ValueError as error:
            raise StsError("PackedPolicyTooLarge", f"No policy can be made for this workspace: {error}.") from error
        try:
            client = await self._connected()
            answer = await client.assume_role(
                RoleArn=self.role,
                # At most 64 characters of those that names of namespaces have: it is in the S3 service's logs.
                RoleSessionName=grant.namespace,
                Policy=policy,
                DurationSeconds=self.seconds,
            )
        except (BotoCoreError, ClientError) as error:
            raise unavailable(
                f"The S3 service made no keys ({reason(error)}). Ask your administrator to look."
            ) from error
        keys = answer["Credentials"]
        return Credentials(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"].timestamp()
        )

    async def close(self) -> None:
        """Ends the client's connections."""
        self._client = None
        await self._resources.aclose()

    async def _connected(self) -> Any:
        if self._client is None:
            client = get_session().create_client(
                "sts", region_name=self.region, endpoint_url=self.endpoint, config=config()
            )
            self._client = await self._resources.enter_async_context(client)
        return self._client


def config() -> AioConfig:
    """Patience of a client on whose answer pods wait."""
    return AioConfig(
        connect_timeout=REQUEST_SECONDS,
        read_timeout=REQUEST_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=32,
    )


def reason(error: Exception) -> str:
    """A word for what went wrong, without what a service may have put into its message."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__
