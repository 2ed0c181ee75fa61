"""jupyter_server's tests of the contents REST API and of downloads, run against this contents manager."""

from __future__ import annotations

from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
from nbformat import writes
from nbformat.v4 import new_notebook
from s3_contents import S3FilesHandler

from dev.s3_server import S3Server
from tests.integration.s3_contents import upstream
from tests.integration.s3_contents.jupyter_app import (
    S3Path,
    contents_dir,
    jp_base_url,
    jp_fetch,
    jp_root_dir,
    jp_serverapp,
    running_app,
)

__all__ = ["contents_dir", "jp_base_url", "jp_fetch", "jp_root_dir", "jp_serverapp", "running_app"]

FOLDERS = [
    ("", "top"),
    ("with some spaces", "one"),
    ("ünïcode", "zwölf"),
    ("unicodé", "innonascii"),
    ("foo", "a"),
    ("foo", "b"),
    ("foo", "also spaces"),
    ("foo/bar", "baz"),
    ("å b", "ç d"),
]
API = upstream.module("services.contents.test_api", conftest=SimpleNamespace(dirs=FOLDERS))
FILES = upstream.module("test_files")
_IS_HIDDEN = "counts calls of the function that asks the local file system"

globals().update(upstream.tests_of(API, {"test_regression_is_hidden": _IS_HIDDEN}))
globals().update(upstream.tests_of(FILES, {"test_regression_is_hidden": _IS_HIDDEN}))
pytestmark = pytest.mark.asyncio(loop_scope="module")
_check_created = API._check_created
maybe_hidden = FILES.maybe_hidden


@pytest.fixture(autouse=True)
def paths_on_s3(monkeypatch: pytest.MonkeyPatch, s3_server: S3Server) -> None:
    def path(first: Any, *more: Any) -> S3Path:
        return S3Path(s3_server.client, str(first)).joinpath(*more)

    monkeypatch.setattr(API, "pathlib", SimpleNamespace(Path=path))
    monkeypatch.setattr(FILES, "Path", path)


@pytest.fixture
def folders() -> list[str]:
    return list({folder for folder, _ in FOLDERS})


@pytest.fixture
def contents(contents_dir: S3Path) -> dict[str, Any]:
    for folder, name in FOLDERS:
        contents_dir.joinpath(folder, f"{name}.ipynb").write_text(writes(new_notebook(), version=4))
        contents_dir.joinpath(folder, f"{name}.txt").write_text(f"{name} text file")
        contents_dir.joinpath(folder, f"{name}.blob").write_bytes(name.encode() + b"\xff")
    notebooks = [PurePosixPath(folder, f"{name}.ipynb") for folder, name in FOLDERS]
    return {"contents_dir": contents_dir, "notebooks": notebooks}


async def test_the_files_come_from_this_package(jp_serverapp: Any) -> None:
    assert jp_serverapp.contents_manager.files_handler_class is S3FilesHandler
