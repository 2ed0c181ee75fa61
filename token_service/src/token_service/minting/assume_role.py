"""Keys by STS AssumeRole with a session policy: AWS, Ceph RGW, MinIO and those that follow it."""

from botocore.exceptions import BotoCoreError, ClientError

from ..credentials import Credentials, StillGranted
from ..identity import Grant
from .client import Client, no_keys, policy_for


class AssumeRoleMint:
    """Asks an STS for a session of one role, kept to the workspace's prefixes by a session policy.

    role is the role's ARN, which MinIO passes over; endpoint is None for AWS.
    """

    def __init__(
        self, *, role: str, bucket: str, region: str, endpoint: str | None, seconds: int, partition: str = "aws"
    ) -> None:
        self.role, self.bucket, self.seconds, self.partition = role, bucket, seconds, partition
        self.client = Client("sts", region, endpoint)

    async def make(self, grant: Grant) -> Credentials:
        """A session of the role. Raises StsError."""
        policy = policy_for(grant, self.bucket, self.partition)
        try:
            sts = await self.client.get()
            answer = await sts.assume_role(
                RoleArn=self.role,
                # At most 64 characters of those that names of namespaces have: it is in the S3 service's logs.
                # At most 64 characters; the audit log has the whole.
                RoleSessionName=grant.holder.replace("/", ".")[:64],
                Policy=policy,
                DurationSeconds=self.seconds,
            )
        except (BotoCoreError, ClientError) as error:
            raise no_keys(error) from error
        keys = answer["Credentials"]
        return Credentials(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"].timestamp()
        )

    async def clear(self, still_granted: StillGranted) -> int:
        """Nothing: sessions end by themselves, and not before."""
        return 0

    async def close(self) -> None:
        """Ends the client's connections."""
        await self.client.close()
