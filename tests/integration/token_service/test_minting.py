"""Keys of users of a real S3 server's IAM (versitygw): what they open, what they do not, and when they end."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from token_service.credentials import Credentials
from token_service.errors import StsError
from token_service.minting.iam_users import GRACE_SECONDS, POLICY_NAME, IamUsersMint

from tests.support.s3_iam import S3WithIam
from tests.unit.token_service.conftest import Clock

from .iam import ADA, BOB, BUCKET, EVE, granted_to, new_mint


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
