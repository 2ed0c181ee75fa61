"""jupyter_server's tests of contents managers, run against this one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from s3_contents import S3ContentsManager
from s3_contents.notebooks import Notary

from dev.s3_server import S3Server
from tests.integration.s3_contents import upstream

MANAGER = upstream.module("services.contents.test_manager")
_FILE_SYSTEM = "about paths, links, permissions or time stamps of the local file system"
LEFT_OUT = dict.fromkeys(
    [
        "test_missing_root_dir",
        "test_invalid_root_dir",
        "test_get_os_path",
        "test_get_os_path_posix",
        "test_checkpoint_subdir",
        "test_bad_symlink",
        "test_recursive_symlink",
        "test_good_symlink",
        "test_403",
        "test_created_timestamp",
        "test_created_timestamp_fallback_to_epoch",
        "test_created_uses_birthtime_on_macos",
        "test_created_uses_ctime_on_windows",
        "test_get_created_timestamp_accepts_zero_birthtime",
        "test_get_created_timestamp_fallback_infinite_birthtime",
        "test_get_created_timestamp_fallback_nan_birthtime",
        "test_get_created_timestamp_fallback_negative_birthtime",
        "test_get_created_timestamp_fallback_no_birthtime",
        "test_get_created_timestamp_fallback_none_birthtime",
        "test_get_created_timestamp_fallback_string_birthtime",
        "test_get_created_timestamp_uses_birthtime",
        "test_base_model_invalid_timestamp_fallback",
    ],
    _FILE_SYSTEM,
) | {"test_regression_is_hidden": "counts calls of the function that asks the local file system"}


class Manager(S3ContentsManager):
    """With the one private method that the tests use, and closed after each."""

    made: ClassVar[list[Manager]] = []

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.made.append(self)

    def _get_os_path(self, path: str) -> str:
        return path.strip("/")


globals().update(upstream.tests_of(MANAGER, LEFT_OUT))
# There is no trash; the three other cases run.
test_delete_non_empty_folder = upstream.without_case(MANAGER.test_delete_non_empty_folder, [True, False, None])


@pytest.fixture
async def jp_file_contents_manager_class(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[type[Manager]]:
    def write(path: str, content: bytes = b"") -> None:
        s3_server.client.put_object(Bucket=bucket, Key=f"users/ada/{path}", Body=content)

    monkeypatch.setenv("SPARK_NOTEBOOKS_S3_HOME", f"s3://{bucket}/users/ada")
    monkeypatch.setattr(MANAGER, "_make_dir", lambda _manager, api_path: write(f"{api_path}/"))
    # The original makes 10,000 files.
    monkeypatch.setattr(
        MANAGER, "_make_big_dir", lambda contents_manager, api_path: write(f"{api_path}/big", bytes(6 * 2**20))
    )
    yield Manager
    while Manager.made:
        await Manager.made.pop().close()


@pytest.fixture
def jp_contents_manager(jp_file_contents_manager_class: type[Manager]) -> Manager:
    return jp_file_contents_manager_class()


@pytest.fixture
def file_manager_with_notary(jp_file_contents_manager_class: type[Manager], tmp_path: Path) -> Manager:
    return jp_file_contents_manager_class(notary=Notary(data_dir=str(tmp_path)))
