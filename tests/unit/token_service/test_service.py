"""The service by HTTP, asked by the AWS SDKs as they are, with a Kubernetes API that knows a few tokens."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import boto3
import pytest
from aiobotocore.session import get_session
from aiohttp import ClientSession, FormData
from botocore.config import Config
from botocore.exceptions import ClientError
from prometheus_client.exposition import generate_latest
from token_service.errors import denied, unavailable
from token_service.limits import Limit
from token_service.protocol import timestamp

from tests.unit.token_service.conftest import Running
from tests.unit.token_service.kubernetes import HUB, account_status, jwt

ROLE = "arn:aws:iam::000000000000:role/spark-notebooks"


@pytest.fixture
def pod(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process as a pod of ada's: the variables of a notebook. Gives the file of the token."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "s3-token"
    file.write_text(running.kubernetes.add("ada"))
    variables = {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_ENDPOINT_URL_STS": running.url,
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return file


async def ask(running: Running, token: str, **fields: str) -> tuple[int, str]:
    """One call, without an SDK that would try again."""
    form = {"Action": "AssumeRoleWithWebIdentity", "RoleArn": ROLE, "RoleSessionName": "s", "WebIdentityToken": token}
    async with ClientSession() as session, session.post(running.url, data=FormData(form | fields)) as response:
        return response.status, await response.text()


def keys() -> tuple[str, str, str | None]:
    credentials = boto3.session.Session().get_credentials()
    assert credentials is not None
    frozen = credentials.get_frozen_credentials()
    return frozen.access_key, frozen.secret_key, frozen.token


async def test_boto3_finds_keys_by_itself(running: Running, pod: Path) -> None:
    assert await asyncio.to_thread(keys) == ("KEY1", "planted-secret-1", "")
    assert running.mint.made[0].access.prefixes == ("users/ada",)


async def test_aiobotocore_finds_keys_by_itself(running: Running, pod: Path) -> None:
    credentials = await get_session().get_credentials()

    assert (await credentials.get_frozen_credentials()).access_key == "KEY1"


async def test_the_holder_of_keys_is_told_who_it_is(running: Running, pod: Path) -> None:
    def who() -> dict[str, Any]:
        return dict(boto3.client("sts").get_caller_identity())

    answer = await asyncio.to_thread(who)

    assert answer["Arn"] == "arn:aws:sts::000000000000:assumed-role/spark-notebooks/user-ada"
    assert (answer["Account"], answer["UserId"]) == ("000000000000", "KEY1:user-ada")


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [("KEY1", "guessed", "SignatureDoesNotMatch"), ("KEY2", "planted-secret-1", "AccessDenied")],
)
async def test_nobody_else_is(running: Running, key: str, secret: str, code: str) -> None:
    await ask(running, running.kubernetes.add("ada"))

    def who() -> None:
        client = boto3.client(
            "sts", "us-east-1", endpoint_url=running.url, aws_access_key_id=key, aws_secret_access_key=secret
        )
        client.get_caller_identity()

    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(who)
    assert caught.value.response["Error"]["Code"] == code


async def test_a_call_without_a_signature_is_refused(running: Running) -> None:
    async with ClientSession() as session, session.post(running.url, data={"Action": "GetCallerIdentity"}) as response:
        assert response.status == 403
        assert "IncompleteSignature" in await response.text()


async def test_all_pods_of_a_workspace_share_keys_for_a_third_of_their_life(running: Running) -> None:
    tokens = [running.kubernetes.add("ada", account="executor", pod=f"exec-{number}") for number in range(20)]

    answers = await asyncio.gather(*(ask(running, token) for token in tokens))
    assert {status for status, _ in answers} == {200}
    assert all("<AccessKeyId>KEY1</AccessKeyId>" in text for _, text in answers)
    running.clock.now += 1199
    assert "KEY1" in (await ask(running, tokens[0]))[1]
    running.clock.now += 1
    assert "KEY2" in (await ask(running, tokens[0]))[1]
    assert len(running.mint.made) == 2


async def test_other_workspaces_and_other_prefixes_have_other_keys(running: Running) -> None:
    ada, bob = running.kubernetes.add("ada"), running.kubernetes.add("bob")

    assert "KEY1" in (await ask(running, ada))[1]
    assert "KEY2" in (await ask(running, bob))[1]
    notes = running.kubernetes.namespaces["user-ada"]["metadata"]["annotations"]
    notes["spark-notebooks.io/s3-prefixes"] = "users/ada groups/physics"
    assert "KEY3" in (await ask(running, ada))[1]
    assert running.mint.made[2].access.prefixes == ("users/ada", "groups/physics")


async def test_a_revoked_workspace_gets_none_and_later_no_old_ones(running: Running) -> None:
    token = running.kubernetes.add("ada")
    await ask(running, token)
    notes = running.kubernetes.namespaces["user-ada"]["metadata"]["annotations"]
    notes["spark-notebooks.io/s3-revoked"] = "left"

    status, text = await ask(running, token)
    assert (status, "ended this workspace&#39;s access" in text or "ended this workspace's access" in text) == (
        403,
        True,
    )
    assert not await running.service.still_granted("user-ada")
    del notes["spark-notebooks.io/s3-revoked"]
    assert "KEY2" in (await ask(running, token))[1]


async def test_each_member_of_a_shared_workspace_has_keys_until_they_leave_it(running: Running) -> None:
    place = "user-group--flights"
    notes = {
        "spark-notebooks.io/hub": HUB,
        "spark-notebooks.io/shared-workspace": "flights",
        "spark-notebooks.io/s3-prefixes": "teams/flights",
        "member.spark-notebooks.io/ada": "ada",
        "member.spark-notebooks.io/bob": "Bob *",
    }
    running.kubernetes.namespaces[place] = {"metadata": {"name": place, "annotations": notes}}
    tokens = {}
    for slug in ("ada", "bob"):
        tokens[slug] = jwt(sub=slug)
        running.kubernetes.tokens[tokens[slug]] = account_status(place, f"notebook-{slug}", f"notebook-{slug}")
    assert "KEY1" in (await ask(running, tokens["ada"]))[1]
    assert "KEY2" in (await ask(running, tokens["bob"]))[1], "not the same keys: each pair is one person's"
    assert [grant.user for grant in running.mint.made] == ["ada", "Bob *"]
    del notes["member.spark-notebooks.io/ada"]
    status, text = await ask(running, tokens["ada"])
    assert status == 403
    assert "not among the members" in text
    assert not await running.service.still_granted(f"{place}/ada")
    assert await running.service.still_granted(f"{place}/bob")
    assert "KEY2" in (await ask(running, tokens["bob"]))[1]
    assert not await running.service.still_granted(place), "nobody has keys of the workspace itself"


async def test_keys_go_on_while_the_kubernetes_api_does_not_answer(running: Running) -> None:
    running.kubernetes.add("ada")
    running.kubernetes.fails = 503

    assert await running.service.still_granted("user-ada")
    running.kubernetes.fails = None
    assert not await running.service.still_granted("user-bob")


@pytest.mark.parametrize(
    ("token", "code", "status"),
    [
        (jwt(exp=1), "ExpiredTokenException", 400),
        (jwt(aud=["https://kubernetes.default.svc"]), "InvalidIdentityToken", 400),
        ("none", "InvalidIdentityToken", 400),
    ],
)
async def test_hopeless_tokens_cost_no_question(running: Running, token: str, code: str, status: int) -> None:
    answer = await ask(running, token)

    assert (answer[0], f"<Code>{code}</Code>" in answer[1]) == (status, True)
    assert not running.kubernetes.requests


async def test_a_forged_token_is_refused(running: Running) -> None:
    real = running.kubernetes.add("ada")
    forged = real.rpartition(".")[0] + ".Zm9yZ2Vk"

    status, text = await ask(running, forged)
    assert (status, "InvalidIdentityToken" in text) == (400, True)
    assert not running.mint.made


async def test_a_workspace_that_is_gone_gets_nothing(running: Running) -> None:
    token = running.kubernetes.add("ada")
    running.kubernetes.namespaces.clear()

    status, text = await ask(running, token)
    assert (status, "is gone" in text) == (403, True)


@pytest.mark.parametrize("fails", [403, 500])
async def test_sdks_are_told_to_try_again_while_the_kubernetes_api_fails(running: Running, fails: int) -> None:
    token = running.kubernetes.add("ada")
    running.kubernetes.fails = fails

    status, text = await ask(running, token)
    assert (status, "IDPCommunicationError" in text) == (400, True)


async def test_boto3_waits_for_a_kubernetes_api_that_comes_back(running: Running, pod: Path) -> None:
    running.kubernetes.fails = 500
    asked = asyncio.create_task(asyncio.to_thread(keys))
    await running.kubernetes.asked_once.wait()
    running.kubernetes.fails = None

    assert (await asked)[0] == "KEY1"


async def test_a_store_that_makes_no_keys_is_said_and_not_kept(running: Running) -> None:
    token = running.kubernetes.add("ada")
    running.mint.error = unavailable("The S3 service made no keys (SlowDown). Ask your administrator to look.")
    assert (await ask(running, token))[0] == 503
    running.mint.error = None
    assert (await ask(running, token))[0] == 200


async def test_a_pod_that_asks_all_the_time_is_slowed_and_others_are_not(running: Running) -> None:
    greedy, modest = running.kubernetes.add("ada"), running.kubernetes.add("bob")

    answers = await asyncio.gather(*(ask(running, greedy) for _ in range(60)))
    slowed = [text for status, text in answers if "<Code>Throttling</Code>" in text]
    assert 0 < len(slowed) <= 10
    assert (await ask(running, modest))[0] == 200


async def test_a_flood_from_one_address_does_not_reach_the_kubernetes_api(running: Running) -> None:
    running.service.by_peer = Limit(0.001, 5)

    answers = await asyncio.gather(*(ask(running, jwt(jti=str(number))) for number in range(50)))
    assert sum("Throttling" in text for _, text in answers) == 45
    assert running.kubernetes.asked("tokenreviews") == 5


async def test_a_huge_request_is_refused(running: Running) -> None:
    status, text = await ask(running, "x" * 100_000)
    assert (status, "RequestEntityTooLarge" in text) == (413, True)


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/metrics"), ("PUT", "/users"), ("POST", "/x")])
async def test_there_is_nothing_else(running: Running, method: str, path: str) -> None:
    async with ClientSession() as session, session.request(method, running.url + path) as response:
        assert response.status == 400
        assert "InvalidAction" in await response.text()


async def test_the_audit_says_who_and_holds_no_secret(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token, other = running.kubernetes.add("ada"), jwt(sub="nobody")
    await ask(running, token)
    await ask(running, other)

    issued, refused = (json.loads(r.message) for r in caplog.records if r.name == "token_service.audit")
    assert (issued["event"], issued["user"], issued["namespace"], issued["pod"]) == (
        "issued",
        "ada",
        "user-ada",
        "notebook",
    )
    assert (issued["key"], issued["until"], issued["prefixes"]) == (
        "KEY1",
        timestamp(running.clock() + 3600),
        ["users/ada"],
    )
    assert (refused["event"], refused["code"]) == ("refused", "InvalidIdentityToken")
    for secret in ("planted-secret", token, other, token.split(".")[1]):
        assert secret not in caplog.text
    metrics = generate_latest(running.service.audit.registry).decode()
    assert 'token_service_calls_total{action="AssumeRoleWithWebIdentity",code="OK"} 1.0' in metrics
    assert "ada" not in metrics


async def test_the_requests_to_kubernetes_are_two_with_the_services_own_token(running: Running) -> None:
    await ask(running, running.kubernetes.add("ada"))

    assert running.kubernetes.requests == [
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", "Bearer first token"),
        ("GET", "/api/v1/namespaces/user-ada", "Bearer first token"),
    ]


async def test_sdks_do_not_try_again_what_stays_refused(running: Running, pod: Path) -> None:
    running.kubernetes.namespaces.clear()

    def failing() -> None:
        boto3.client("sts", config=Config(retries={"total_max_attempts": 5})).assume_role_with_web_identity(
            RoleArn=ROLE, RoleSessionName="session", WebIdentityToken=pod.read_text()
        )

    with pytest.raises(ClientError, match="is gone"):
        await asyncio.to_thread(failing)
    assert running.kubernetes.asked("tokenreviews") == 1
    assert str(denied("x")) == "AccessDenied: x"
