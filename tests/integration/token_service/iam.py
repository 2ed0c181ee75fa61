"""A bucket and grants to parts of it, and the service's keys for them on an S3 server with an IAM."""

from __future__ import annotations

import secrets
from typing import Any

from token_service.identity import Grant
from token_service.minting.iam_users import IamUsersMint
from token_service.policy import Access

from tests.support.s3_iam import S3WithIam
from tests.unit.token_service.conftest import Clock

BUCKET = "notebooks"
ADA = Grant("user-ada", "ada", Access(("users/ada", "groups/physics")))
BOB = Grant("user-bob", "bob", Access(("users/bob",)))
EVE = Grant("user-eve", "eve", Access(("users/eve",), ("groups/physics",)))


def new_mint(store: S3WithIam, clock: Clock, release: str = "") -> IamUsersMint:
    return IamUsersMint(
        release=release or f"r-{secrets.token_hex(4)}",
        bucket=BUCKET,
        region="us-east-1",
        endpoint=store.iam,
        seconds=3600,
        clock=clock,
    )


def granted_to(*names: str) -> Any:
    async def still_granted(namespace: str) -> bool:
        return namespace in names

    return still_granted
