"""The notebook storage as the hub sees it: whether it answers, whether the bucket is there."""

import asyncio
import os
import time
from typing import Any, Final

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    SSLError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)
from traitlets import Bool, Integer, Unicode
from traitlets.config import SingletonConfigurable

from .errors import Failure, SpawnFailed
from .notebook import NotebookStorage

REQUEST_SECONDS: Final = 5
ATTEMPTS_AT_START: Final = 30  # one a second
WRONG_KEYS: Final = {
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "XAdminUserNotFound",  # versitygw's name for InvalidAccessKeyId
}


class ObjectStore(SingletonConfigurable):
    """The bucket that holds everybody's notebooks; its keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

    A server is started only when the bucket can be read: without it a person would find an empty folder, and lose what they save.
    """

    endpoint = Unicode(None, allow_none=True, help="URL of the S3 service; null for AWS.").tag(config=True)
    region = Unicode("us-east-1", help="Region of the bucket.").tag(config=True)
    bucket = Unicode("notebooks", help="The bucket of the notebooks.").tag(config=True)
    prefix = Unicode("users", help="The prefix in the bucket under which each person has a folder.").tag(config=True)
    create_bucket = Bool(False, help="Make the bucket where it is missing, with versioning.").tag(config=True)
    trust_seconds = Integer(60, min=0, help="Seconds for which a storage that answered is not asked again.").tag(
        config=True
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._checking = asyncio.Lock()
        self._answered_at = float("-inf")
        self._versioning_known = False

    @property
    def notebooks(self) -> NotebookStorage:
        """Where notebooks are kept."""
        return NotebookStorage(self.bucket, self.prefix, self.region, self.endpoint)

    async def check(self) -> None:
        """Sees that the bucket can be read, and makes it where that is wanted.

        Raises SpawnFailed with what is wrong and what to do. Many callers at once cause one request.
        """
        async with self._checking:
            if time.monotonic() - self._answered_at < self.trust_seconds:
                return
            try:
                await self._read_or_create()
            except (BotoCoreError, ClientError, ValueError) as error:
                raise SpawnFailed(storage_failure(error, self.notebooks)) from error
            self._answered_at = time.monotonic()

    async def prepare(self) -> None:
        """The check at the hub's start: logs what is wrong, so that an administrator sees it before the first person does.

        The S3 server of the same release may come up after the hub: one that nobody can reach is asked again for a while.
        """
        for left in reversed(range(ATTEMPTS_AT_START)):
            try:
                await self.check()
                break
            except SpawnFailed as failed:
                if not left or not isinstance(failed.__cause__, BotoConnectionError):
                    self.log.error("No server will start: %s", failed.message)
                    return
                await asyncio.sleep(1)
        self.log.info(
            "The notebook storage answers: bucket %s at %s", self.bucket, self.endpoint or f"AWS {self.region}"
        )

    async def _read_or_create(self) -> None:
        timeouts = AioConfig(
            connect_timeout=REQUEST_SECONDS,
            read_timeout=REQUEST_SECONDS,
            retries={"total_max_attempts": 2},
            # Names with dots, and servers without a wildcard DNS name, need the bucket in the path.
            s3={"addressing_style": "path"} if self.endpoint else {},
        )
        session = get_session()
        async with session.create_client(
            "s3", region_name=self.region, endpoint_url=self.endpoint, config=timeouts
        ) as s3:
            try:
                # A listing, not HEAD: its answer says which of key, secret and bucket is wrong.
                await s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.prefix.strip('/')}/".lstrip("/"), MaxKeys=1)
            except ClientError as error:
                if _code(error) != "NoSuchBucket" or not self.create_bucket:
                    raise
                await self._create(s3)
            if self.create_bucket and not self._versioning_known:
                await self._enable_versioning(s3)

    async def _create(self, s3: Any) -> None:
        location = {} if self.endpoint or self.region == "us-east-1" else {"LocationConstraint": self.region}
        try:
            await s3.create_bucket(Bucket=self.bucket, **({"CreateBucketConfiguration": location} if location else {}))
        except ClientError as error:
            if _code(error) != "BucketAlreadyOwnedByYou":
                raise
        self.log.info("Made the bucket %s", self.bucket)

    async def _enable_versioning(self, s3: Any) -> None:
        """Turns versioning on where nobody has decided about it; a server without it is used as it is."""
        try:
            versioning = await s3.get_bucket_versioning(Bucket=self.bucket)
            if "Status" not in versioning:
                await s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        except ClientError as error:
            self.log.warning(
                "The bucket %s has no versioning (%s): earlier versions of notebooks are not kept",
                self.bucket,
                _code(error),
            )
        self._versioning_known = True


def storage_failure(error: Exception, storage: NotebookStorage) -> Failure:
    """What is wrong with the storage, in a sentence for the person who waits; it holds no key."""
    place = storage.endpoint or f"AWS {storage.region}"
    match error:
        case NoCredentialsError():
            kind, what, todo = "keys", "The hub has no keys for the notebook storage", "set s3.credentials"
        case ClientError():
            kind, what, todo = _refusal(_code(error), place, storage)
        case SSLError():
            kind, what = "certificate", f"The certificate of the notebook storage ({place}) is not trusted"
            todo = "check s3.endpoint and the certificate"
        case BotoConnectionError() | HTTPClientError():
            kind, what = "connection", f"The notebook storage does not answer ({place}: {_connection_problem(error)})"
            todo = "check that the S3 service runs, and s3.endpoint"
        case _:
            kind, what = "error", f"The notebook storage ({place}) cannot be used: {type(error).__name__}"
            todo = "check the values of s3"
    return Failure(f"storage-{kind}", f"{what}. Ask your administrator to {todo}.")


def _refusal(code: str, place: str, storage: NotebookStorage) -> tuple[str, str, str]:
    """Kind, what happened, and what to do, for an error code of S3."""
    if code in WRONG_KEYS:
        return (
            "keys",
            f"The notebook storage ({place}) does not accept the platform's keys ({code})",
            "check s3.credentials",
        )
    if code == "NoSuchBucket":
        what = f"The notebook storage ({place}) has no bucket {storage.bucket}"
        return "bucket", what, "create it, or to check s3.bucket"
    if code in ("AccessDenied", "403", "AllAccessDisabled"):
        what = f"The platform's keys may not read the bucket {storage.bucket} of the notebook storage ({place})"
        return "keys", what, "check the rights of the keys, or s3.bucket"
    if code in ("PermanentRedirect", "301", "IllegalLocationConstraintException"):
        what = (
            f"The bucket {storage.bucket} of the notebook storage ({place}) is in another region than {storage.region}"
        )
        return "region", what, "set s3.region"
    return "refused", f"The notebook storage ({place}) refused the hub ({code})", "look at the S3 service"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _connection_problem(error: Exception) -> str:
    """The innermost cause in words: "connection refused" says more than the address again."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__:
            return "no answer in time"
        if isinstance(cause, aiohttp.ClientConnectorDNSError):
            return "its name is not known"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno).lower()
        cause = getattr(cause, "os_error", None) or cause.__cause__ or cause.__context__
    return "no connection"
