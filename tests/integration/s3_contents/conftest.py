from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from s3_contents import S3ContentsManager

from dev.paths import cache_folder
from dev.s3_server import S3Server
from tests.support.s3_proxy import S3Proxy
from tests.support.s3_server import new_bucket, s3_environment, s3_server

__all__ = ["s3_environment", "s3_server"]


@pytest.fixture(autouse=True)
def jupyter_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's Jupyter is read or written; the project's cache stays where it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_folder().parent))
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "HOME"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))


@pytest.fixture
def versioning(request: pytest.FixtureRequest) -> bool:
    """Whether the bucket keeps the versions of its objects: by default it does not."""
    return getattr(request, "param", False)


@pytest.fixture
def bucket(s3_server: S3Server, s3_environment: None, versioning: bool) -> str:
    """A new, empty bucket."""
    return new_bucket(s3_server, versioning)


@pytest.fixture
def proxy(s3_server: S3Server, s3_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    """S3 is reached through this proxy."""
    with S3Proxy(s3_server.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        yield proxy


@pytest.fixture
async def manager(bucket: str, proxy: S3Proxy) -> AsyncIterator[S3ContentsManager]:
    # The trash has tests of its own (test_trash.py); in others what is deleted is gone.
    manager = S3ContentsManager(url=f"s3://{bucket}/users/ada", max_attempts=3, delete_to_trash=False)
    yield manager
    await manager.close()
