"""Keys on real S3 servers: what they open, what they do not, and when they end. Users of versitygw's IAM; AssumeRole on moto, which has an STS."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import boto3
import pytest
import s3fs
from aiohttp.test_utils import TestServer
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from s3_contents import S3ContentsManager
from s3_contents.capabilities import Support
from s3_contents.probe import look
from token_service.audit import Audit
from token_service.credentials import Credentials
from token_service.errors import StsError
from token_service.identity import Grant
from token_service.kubernetes import KubernetesApi
from token_service.limits import Limit
from token_service.minting.assume_role import AssumeRoleMint
from token_service.minting.iam_users import GRACE_SECONDS, POLICY_NAME, IamUsersMint
from token_service.policy import Access
from token_service.service import TokenService
from token_service.web import sts
from tornado.web import HTTPError

from dev.paths import REPOSITORY
from tests.support.s3_iam import S3WithIam, s3_with_iam
from tests.unit.token_service.conftest import Clock
from tests.unit.token_service.kubernetes import AUDIENCE, HUB, Kubernetes, kubernetes_api

BUCKET = "notebooks"
ADA = Grant("user-ada", "ada", Access(("users/ada", "groups/physics")))
BOB = Grant("user-bob", "bob", Access(("users/bob",)))
EVE = Grant("user-eve", "eve", Access(("users/eve",), ("groups/physics",)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3WithIam]:
    with s3_with_iam(tmp_path_factory.mktemp("s3")) as running:
        running.s3.create_bucket(BUCKET, versioning=True)
        for key in ("users/ada/a", "users/ada2/x", "users/bob/secret", "groups/physics/g", "groups/law/g"):
            running.s3.client.put_object(Bucket=BUCKET, Key=key, Body=b"text")
        yield running


@pytest.fixture
def root_keys(store: S3WithIam, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's own keys, as the chart gives them: by variables."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", store.s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store.s3.secret_key)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def mint(store: S3WithIam, root_keys: None, clock: Clock) -> AsyncIterator[IamUsersMint]:
    made = new_mint(store, clock)
    yield made
    clock.now += 10 * 3600
    await made.clear(granted_to("user-ada", "user-bob"))
    await made.close()


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


def client(store: S3WithIam, keys: Credentials) -> Any:
    return boto3.client(
        "s3",
        "us-east-1",
        endpoint_url=store.s3.endpoint,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.session_token or None,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def refused(call: Any, *codes: str, **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] in (codes or ("AccessDenied", "403")), caught.value


async def test_own_prefixes_are_open(store: S3WithIam, mint: IamUsersMint) -> None:
    s3 = client(store, await mint.make(ADA))

    for prefix in ADA.access.prefixes:
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/new", Body=b"new")
        assert s3.get_object(Bucket=BUCKET, Key=f"{prefix}/new")["Body"].read() == b"new"
        listing = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
        assert f"{prefix}/new" in [item["Key"] for item in listing["Contents"]]
        versions = s3.list_object_versions(Bucket=BUCKET, Prefix=f"{prefix}/new")["Versions"]
        s3.get_object(Bucket=BUCKET, Key=f"{prefix}/new", VersionId=versions[0]["VersionId"])
        s3.copy_object(Bucket=BUCKET, Key=f"{prefix}/copy", CopySource=f"{BUCKET}/{prefix}/new")
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=f"{prefix}/large")["UploadId"]
        part = s3.upload_part(Bucket=BUCKET, Key=f"{prefix}/large", UploadId=upload, PartNumber=1, Body=b"part")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(Bucket=BUCKET, Key=f"{prefix}/large", UploadId=upload, MultipartUpload=parts)
        keys = [{"Key": f"{prefix}/{name}"} for name in ("new", "copy", "large")]
        assert "Errors" not in s3.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})


async def test_nothing_else_is(store: S3WithIam, mint: IamUsersMint) -> None:
    s3 = client(store, await mint.make(ADA))
    theirs = {"Bucket": BUCKET, "Key": "users/bob/secret"}

    for call in (s3.get_object, s3.head_object, s3.delete_object, s3.create_multipart_upload, s3.get_object_tagging):
        refused(call, **theirs)
    refused(s3.put_object, **theirs, Body=b"mine")
    refused(s3.put_object, Bucket=BUCKET, Key="users/ada2/x", Body=b"mine")
    refused(s3.put_object, Bucket=BUCKET, Key="users/ada", Body=b"mine")
    refused(s3.put_object, Bucket=BUCKET, Key="groups/law/g", Body=b"mine")
    refused(s3.copy_object, Bucket=BUCKET, Key="users/ada/stolen", CopySource=f"{BUCKET}/users/bob/secret")
    refused(s3.copy_object, **theirs, CopySource=f"{BUCKET}/users/ada/a")
    for prefix in ("", "users", "users/", "users/ada", "users/bob/", "users/ada2/"):
        refused(s3.list_objects_v2, Bucket=BUCKET, Prefix=prefix)
        refused(s3.list_object_versions, Bucket=BUCKET, Prefix=prefix)
    refused(s3.list_multipart_uploads, Bucket=BUCKET)
    for call in (s3.get_bucket_policy, s3.delete_bucket, s3.get_bucket_acl):
        refused(call, Bucket=BUCKET)
    refused(s3.put_bucket_policy, Bucket=BUCKET, Policy="{}")
    refused(s3.put_bucket_versioning, Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    refused(s3.create_bucket, Bucket="another")
    errors = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "users/bob/secret"}]})["Errors"]
    assert [error["Code"] for error in errors] == ["AccessDenied"]
    assert store.s3.client.get_object(**theirs)["Body"].read() == b"text"


async def test_what_may_only_be_read_is_read_and_no_more(store: S3WithIam, mint: IamUsersMint) -> None:
    s3 = client(store, await mint.make(EVE))
    place = {"Bucket": BUCKET, "Key": "groups/physics/g"}
    before = store.s3.client.list_object_versions(Bucket=BUCKET, Prefix="groups/")

    (version,) = s3.list_object_versions(Bucket=BUCKET, Prefix="groups/physics/g")["Versions"]
    assert s3.get_object(**place, VersionId=version["VersionId"])["Body"].read() == b"text"
    listing = s3.list_objects_v2(Bucket=BUCKET, Prefix="groups/physics/")
    assert "groups/physics/g" in [item["Key"] for item in listing["Contents"]]
    s3.copy_object(Bucket=BUCKET, Key="users/eve/copy", CopySource=f"{BUCKET}/groups/physics/g")
    refused(s3.put_object, **place, Body=b"mine")
    refused(s3.put_object, Bucket=BUCKET, Key="groups/physics/new", Body=b"mine")
    refused(s3.copy_object, Bucket=BUCKET, Key="groups/physics/new", CopySource=f"{BUCKET}/users/eve/copy")
    refused(s3.create_multipart_upload, Bucket=BUCKET, Key="groups/physics/new")
    refused(s3.put_object_tagging, **place, Tagging={"TagSet": []})
    refused(s3.delete_object, **place)
    refused(s3.delete_object, **place, VersionId=version["VersionId"])
    errors = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "groups/physics/g"}]})["Errors"]
    assert [error["Code"] for error in errors] == ["AccessDenied"]
    refused(s3.get_object, Bucket=BUCKET, Key="groups/law/g")
    for prefix in ("groups/", "groups/physics", "groups/law/", "users/ada/"):
        refused(s3.list_objects_v2, Bucket=BUCKET, Prefix=prefix)
    after = store.s3.client.list_object_versions(Bucket=BUCKET, Prefix="groups/")
    assert after["Versions"] == before["Versions"]


@pytest.mark.parametrize(
    "key",
    [
        "users/ada/../bob/secret",
        "users/ada/./../bob/secret",
        "users/ada/%2e%2e/bob/secret",
        "users/ada//../../bob/secret",
    ],
)
async def test_no_detour_leads_elsewhere(store: S3WithIam, mint: IamUsersMint, key: str) -> None:
    s3 = client(store, await mint.make(ADA))

    refused(s3.get_object, "AccessDenied", "NoSuchKey", "InvalidArgument", "400", "404", Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError):
        s3.copy_object(Bucket=BUCKET, Key="users/ada/stolen", CopySource={"Bucket": BUCKET, "Key": key})


async def test_keys_do_not_reach_the_iam(store: S3WithIam, mint: IamUsersMint) -> None:
    keys = await mint.make(ADA)
    iam = boto3.client(
        "iam",
        "us-east-1",
        endpoint_url=store.iam,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
    )
    refused(iam.list_users)
    refused(iam.create_user, UserName="mallory")
    refused(iam.create_access_key)
    refused(iam.put_user_policy, UserName="x", PolicyName="x", PolicyDocument="{}")


async def test_ended_keys_are_removed_and_running_ones_stay(store: S3WithIam, mint: IamUsersMint, clock: Clock) -> None:
    old = client(store, await mint.make(ADA))
    clock.now += 1800
    new = client(store, await mint.make(ADA))
    clock.now += 1800 + GRACE_SECONDS + 1

    assert await mint.clear(granted_to("user-ada")) == 1
    with pytest.raises(ClientError):
        old.get_object(Bucket=BUCKET, Key="users/ada/a")
    new.get_object(Bucket=BUCKET, Key="users/ada/a")
    assert await mint.clear(granted_to("user-ada")) == 0


async def test_keys_of_a_revoked_workspace_end_at_once(store: S3WithIam, mint: IamUsersMint) -> None:
    ada, bob = client(store, await mint.make(ADA)), client(store, await mint.make(BOB))

    assert await mint.clear(granted_to("user-bob")) == 1
    with pytest.raises(ClientError):
        ada.get_object(Bucket=BUCKET, Key="users/ada/a")
    bob.get_object(Bucket=BUCKET, Key="users/bob/secret")


async def test_another_copy_or_a_restarted_one_removes_too(store: S3WithIam, mint: IamUsersMint, clock: Clock) -> None:
    keys = client(store, await mint.make(ADA))
    release = mint.root.strip("/").rpartition("/")[2]
    copies = [new_mint(store, clock, release) for _ in range(2)]
    stranger = new_mint(store, clock, "another-release")
    clock.now += 3600 + GRACE_SECONDS + 1

    assert await stranger.clear(granted_to()) == 0
    removed = await asyncio.gather(*(copy.clear(granted_to("user-ada")) for copy in copies))
    assert sum(removed) >= 1
    with pytest.raises(ClientError):
        keys.get_object(Bucket=BUCKET, Key="users/ada/a")
    for each in (*copies, stranger):
        await each.close()


async def test_what_is_half_made_is_removed(
    store: S3WithIam, mint: IamUsersMint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("token_service.minting.client.policy_text", lambda *_: "no policy")

    with pytest.raises(StsError, match="MalformedPolicyDocument"):
        await mint.make(ADA)
    admin = boto3.client("iam", "us-east-1", endpoint_url=store.iam)
    assert admin.list_users(PathPrefix=mint.root)["Users"] == []


async def test_the_policy_is_kept_under_its_name(store: S3WithIam, mint: IamUsersMint) -> None:
    await mint.make(ADA)
    admin = boto3.client("iam", "us-east-1", endpoint_url=store.iam)

    (user,) = admin.list_users(PathPrefix=f"{mint.root}user-ada/")["Users"]
    assert admin.list_user_policies(UserName=user["UserName"])["PolicyNames"] == [POLICY_NAME]


async def test_a_store_that_does_not_answer_is_said(store: S3WithIam, root_keys: None) -> None:
    mint = IamUsersMint(release="r", bucket=BUCKET, region="us-east-1", endpoint="http://127.0.0.1:9", seconds=3600)
    with pytest.raises(StsError) as caught:
        await mint.make(ADA)
    await mint.close()
    assert (caught.value.status, caught.value.code) == (503, "ServiceUnavailable")
    assert "EndpointConnectionError" in caught.value.message


@pytest.fixture
async def kubernetes(tmp_path: Path) -> AsyncIterator[Kubernetes]:
    async with kubernetes_api(tmp_path) as api:
        yield api


async def test_s3fs_and_pandas_work_with_variables_only(
    store: S3WithIam,
    mint: IamUsersMint,
    kubernetes: Kubernetes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From a projected token to a file on S3, through the whole service."""
    import pandas as pd

    file = tmp_path / "s3-token"
    file.write_text(kubernetes.add("ada"))
    api = KubernetesApi(kubernetes.url, tmp_path)
    limits = {"by_peer": Limit(100, 100), "by_pod": Limit(100, 100)}
    service = TokenService(
        api=api, mint=mint, audience=AUDIENCE, hub=HUB, roots=["users"], audit=Audit(), clock=mint._clock, **limits
    )
    # The mint has its keys by now: what follows is the environment of a notebook.
    await mint.client.get()
    async with TestServer(sts(service)) as server:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        variables = {
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_ENDPOINT_URL_S3": store.s3.endpoint,
            "AWS_ENDPOINT_URL_STS": str(server.make_url("")),
            "AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/spark-notebooks",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
            "AWS_CONFIG_FILE": str(tmp_path / "aws-config"),
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        program = REPOSITORY / "notebook-image" / "s3_keys" / "s3-keys"
        (tmp_path / "aws-config").write_text(f"[default]\ncredential_process = {sys.executable} -I {program}\n")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

        def work() -> list[str]:
            frame = pd.DataFrame({"a": [1, 2]})
            frame.to_csv(f"s3://{BUCKET}/users/ada/frame.csv", index=False)
            assert pd.read_csv(f"s3://{BUCKET}/users/ada/frame.csv").equals(frame)
            # By the SDK for C++.
            frame.to_parquet(f"s3://{BUCKET}/users/ada/frame.parquet")
            assert pd.read_parquet(f"s3://{BUCKET}/users/ada/frame.parquet").equals(frame)
            files = s3fs.S3FileSystem(skip_instance_cache=True)
            with pytest.raises(PermissionError):
                files.ls(f"s3://{BUCKET}/users/bob")
            with pytest.raises(PermissionError):
                files.cat(f"s3://{BUCKET}/users/bob/secret")
            return [str(each) for each in files.ls(f"s3://{BUCKET}/users/ada")]

        assert f"{BUCKET}/users/ada/frame.csv" in await asyncio.to_thread(work)
    await api.close()


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


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


async def test_notebooks_are_kept_with_the_keys_of_a_workspace(
    store: S3WithIam, mint: IamUsersMint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contents manager does all that it does with a folder's keys, and knows of no missing right."""
    use(store, await mint.make(BOB), monkeypatch)
    manager = S3ContentsManager(url=f"s3://{BUCKET}/users/bob")
    try:
        found = await look(manager.store, manager.home)
        assert Support.REFUSED not in asdict(found).values()
        await work(manager, "")
        assert [each["name"] for each in (await manager.get(""))["content"] if each["name"] == "done"] == []
    finally:
        await manager.close()


async def test_shared_folders_are_used_with_the_keys_of_a_workspace(
    store: S3WithIam, mint: IamUsersMint, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = {"name": "physics", "url": f"s3://{BUCKET}/groups/physics", "writable": True}
    use(store, await mint.make(ADA), monkeypatch)
    ada = S3ContentsManager(url=f"s3://{BUCKET}/users/ada", shares=[share])
    eve = None
    try:
        await work(ada, "shared/physics/")
        await ada.save({"type": "file", "format": "text", "content": "ours"}, "shared/physics/n.txt")
        copied = await ada.copy("shared/physics/n.txt", "")
        await ada.delete(copied["path"])
        # Whatever the settings of a person's server say, the keys decide.
        use(store, await mint.make(EVE), monkeypatch)
        eve = S3ContentsManager(url=f"s3://{BUCKET}/users/eve", shares=[share])
        assert (await eve.get("shared/physics/n.txt"))["content"] == "ours"
        assert [each["name"] for each in (await eve.get("shared/physics"))["content"]].count("n.txt") == 1
        entries, _ = await eve.mounts.at("shared/physics").history.page("n.txt", 10)
        assert [entry.size for entry in entries] == [4]
        assert (await eve.copy("shared/physics/n.txt", ""))["path"] == "n.txt"
        for change in (
            eve.save({"type": "file", "format": "text", "content": "mine"}, "shared/physics/n.txt"),
            eve.delete("shared/physics/n.txt"),
            eve.rename("shared/physics/n.txt", "shared/physics/m.txt"),
            eve.create_checkpoint("shared/physics/n.txt"),
        ):
            with pytest.raises(HTTPError) as caught:
                await change
            assert caught.value.status_code == 403
        assert (await ada.get("shared/physics/n.txt"))["content"] == "ours"
    finally:
        for manager in (ada, eve):
            if manager is not None:
                await manager.close()


async def work(manager: S3ContentsManager, folder: str) -> None:
    """Do all that the contents manager does, in the home ("") or in a share ("shared/name/")."""
    await manager.new({"type": "directory"}, f"{folder}work")
    await manager.save({"type": "file", "format": "text", "content": "one"}, f"{folder}work/a.txt")
    checkpoint = await manager.create_checkpoint(f"{folder}work/a.txt")
    await manager.save({"type": "file", "format": "text", "content": "two"}, f"{folder}work/a.txt")
    await manager.rename(f"{folder}work", f"{folder}done")
    await manager.restore_checkpoint(checkpoint["id"], f"{folder}done/a.txt")
    assert (await manager.get(f"{folder}done/a.txt"))["content"] == "one"
    for chunk in (1, 2, -1):
        await manager.save({"type": "file", "format": "text", "content": "x", "chunk": chunk}, f"{folder}large.txt")
    await manager.delete(f"{folder}done")
    for janitor in manager.janitors:
        await janitor.clear()


def use(store: S3WithIam, keys: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients of this process find these keys."""
    variables = {
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_ENDPOINT_URL_S3": store.s3.endpoint,
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
