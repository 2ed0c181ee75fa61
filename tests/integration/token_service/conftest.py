from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from token_service.minting.iam_users import IamUsersMint

from tests.support.s3_iam import S3WithIam, s3_with_iam
from tests.unit.token_service.conftest import Clock

from .iam import BUCKET, granted_to, new_mint


@pytest.fixture(scope="session")
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
