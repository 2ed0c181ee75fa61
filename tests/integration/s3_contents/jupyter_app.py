"""The fixtures that jupyter_server's tests of its REST API use, with the files on S3 in place of a folder."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from jupyter_server.serverapp import ServerApp
from s3_contents import S3ContentsManager
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from traitlets.config import Config

from dev.paths import cache_folder
from dev.s3_server import S3Server

BASE_URL = "/base/"
BUCKET = "upstream"
TOKEN = "token"
Fetch = Callable[..., Awaitable[HTTPResponse]]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class S3Path:
    """As much of pathlib.Path as the tests use, for the files of one bucket."""

    client: Any
    key: str

    def __str__(self) -> str:
        return self.key

    def __truediv__(self, name: object) -> S3Path:
        return S3Path(self.client, str(PurePosixPath(self.key, str(name))))

    def joinpath(self, *names: object) -> S3Path:
        return S3Path(self.client, str(PurePosixPath(self.key, *map(str, names))))

    def mkdir(self, parents: bool = True, exist_ok: bool = True) -> None:
        self.client.put_object(Bucket=BUCKET, Key=f"{self.key}/", Body=b"")

    def write_bytes(self, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=self.key, Body=content)

    def write_text(self, content: str, encoding: str = "utf-8") -> None:
        self.write_bytes(content.encode(encoding))

    def is_file(self) -> bool:
        return self.key in self._keys()

    def is_dir(self) -> bool:
        return any(key.startswith(f"{self.key}/") for key in self._keys())

    def _keys(self) -> list[str]:
        return [
            entry["Key"] for entry in self.client.list_objects_v2(Bucket=BUCKET, Prefix=self.key).get("Contents", [])
        ]


@dataclass
class RunningApp:
    """Jupyter Server in this process."""

    app: ServerApp
    url: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_app(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningApp]:
    s3_server.create_bucket(BUCKET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_folder().parent))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        for name, value in s3_server.environment().items():
            patch.setenv(name, value)
        settings = {"token": TOKEN, "base_url": BASE_URL, "open_browser": False, "allow_root": True}
        settings["contents_manager_class"] = "s3_contents.S3ContentsManager"
        config = Config(
            ServerApp=settings,
            S3ContentsManager={"url": f"s3://{BUCKET}", "delete_to_trash": False, "always_delete_dir": True},
        )
        app = ServerApp(config=config)
        app.initialize(argv=[], new_httpserver=False)
        server = HTTPServer(app.web_app)
        socket, port = bind_unused_port()
        server.add_socket(socket)
        yield RunningApp(app, f"http://127.0.0.1:{port}{BASE_URL}")
        server.stop()
        await app._cleanup()
        await app.contents_manager.close()


@pytest_asyncio.fixture(loop_scope="module")
async def jp_serverapp(running_app: RunningApp, contents_dir: S3Path) -> ServerApp:
    """The server, with an empty home."""
    app = running_app.app
    store = app.contents_manager.store
    manager = S3ContentsManager(parent=app, url=f"s3://{BUCKET}/{contents_dir}", store=store)
    app.contents_manager = app.web_app.settings["contents_manager"] = manager
    return app


@pytest.fixture
def contents_dir(s3_server: S3Server) -> S3Path:
    return S3Path(s3_server.client, f"home-{next(_numbers)}")


@pytest.fixture
def jp_root_dir(contents_dir: S3Path) -> S3Path:
    return contents_dir


@pytest.fixture
def jp_base_url() -> str:
    return BASE_URL


@pytest.fixture
def jp_fetch(running_app: RunningApp, jp_serverapp: ServerApp) -> Fetch:
    async def fetch(
        *parts: str, headers: dict[str, str] | None = None, params: Any = (), **options: Any
    ) -> HTTPResponse:
        path = "/".join(part.strip("/") for part in parts)
        url = f"{running_app.url}{quote(path)}?{urlencode(params)}".rstrip("?")
        sent = {"Authorization": f"token {TOKEN}"} | (headers or {})
        return await AsyncHTTPClient().fetch(url, headers=sent, request_timeout=60, **options)

    return fetch
