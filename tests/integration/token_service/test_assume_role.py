"""Keys as sessions of a role, of the STS of moto: no other with a policy of the session can be had here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote

import pytest
from token_service.errors import StsError
from token_service.identity import Grant
from token_service.minting.assume_role import AssumeRoleMint
from token_service.policy import Access

from tests.support.moto import moto_server
from tests.unit.token_service.conftest import Clock

from .iam import ADA, BUCKET


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


def assume(endpoint: str) -> AssumeRoleMint:
    return AssumeRoleMint(
        role="arn:aws:iam::123456789012:role/notebooks",
        bucket=BUCKET,
        region="us-east-1",
        endpoint=endpoint,
        seconds=3600,
    )


async def test_a_session_of_the_role_is_asked_for_with_the_policy(moto: str, root_keys: None, clock: Clock) -> None:
    mint = assume(moto)
    sent: list[dict[str, list[str]]] = []
    connected = await mint.client.get()
    connected.meta.events.register("before-send.sts", lambda request, **_: sent.append(parse_qs(_text(request.body))))

    keys = await mint.make(ADA)
    await mint.close()

    (form,) = sent
    assert form["RoleArn"] == ["arn:aws:iam::123456789012:role/notebooks"]
    assert (form["RoleSessionName"], form["DurationSeconds"]) == (["user-ada"], ["3600"])
    objects = json.loads(form["Policy"][0])["Statement"][0]["Resource"]
    assert objects == ["arn:aws:s3:::notebooks/users/ada/*", "arn:aws:s3:::notebooks/groups/physics/*"]
    assert keys.access_key
    assert keys.secret_key
    assert keys.session_token
    assert abs(keys.expiration - clock() - 3600) < 60


async def test_a_workspace_of_too_many_prefixes_is_refused(moto: str, root_keys: None) -> None:
    mint = assume(moto)
    many = Grant("user-ada", "ada", Access(tuple(f"groups/{number:040d}" for number in range(40))))

    with pytest.raises(StsError) as caught:
        await mint.make(many)
    assert caught.value.code == "PackedPolicyTooLarge"
    await mint.close()


async def test_an_sts_that_does_not_answer_is_said(root_keys: None) -> None:
    mint = assume("http://127.0.0.1:9")

    with pytest.raises(StsError) as caught:
        await mint.make(ADA)
    await mint.close()
    assert caught.value.status == 503


def _text(body: bytes | str) -> str:
    return body.decode() if isinstance(body, bytes) else unquote(body)
