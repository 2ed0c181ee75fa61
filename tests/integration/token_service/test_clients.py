"""What people use with the keys of a workspace: s3fs, pandas, the contents manager with the person's own and shared folders."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest
import s3fs
from aiohttp.test_utils import TestServer
from s3_contents import S3ContentsManager
from s3_contents.capabilities import Support
from s3_contents.probe import look
from token_service.audit import Audit
from token_service.credentials import Credentials
from token_service.identity import Bounds
from token_service.kubernetes import KubernetesApi
from token_service.limits import Limit
from token_service.minting.iam_users import IamUsersMint
from token_service.service import TokenService
from token_service.web import sts
from tornado.web import HTTPError

from dev.paths import REPOSITORY
from tests.support.s3_iam import S3WithIam
from tests.unit.token_service.kubernetes import AUDIENCE, HUB, Kubernetes, kubernetes_api

from .iam import ADA, BOB, BUCKET, EVE


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
        api=api,
        mint=mint,
        audience=AUDIENCE,
        hub=HUB,
        bounds=Bounds(["users"]),
        audit=Audit(),
        clock=mint._clock,
        **limits,
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
