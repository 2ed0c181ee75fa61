"""The half of the contents manager that reads, and its settings."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jupyter_server.services.contents.manager import AsyncContentsManager
from tornado.web import HTTPError
from traitlets import Bool, Dict, Float, Instance, Integer, List, TraitError, Unicode, default

from s3_contents import models, notebooks, paths
from s3_contents.errors import NotFoundError
from s3_contents.history import Place
from s3_contents.models import Model
from s3_contents.mounts import Mount, Mounts, Share
from s3_contents.objects import Page
from s3_contents.probe import StoreCheck
from s3_contents.progress import Ongoing
from s3_contents.store import S3Store
from s3_contents.versions import SeenVersions

# A client that saves asks first whether the file exists. One that this server showed or wrote so recently does; if it
# was deleted elsewhere in between, the save makes it anew.
FRESH_SECONDS = 2.0
MIB = 2**20
# The size above which a file's content is converted in a thread: to write and to check text takes a hundred times as long as
# to read base64, which is quicker than to wake a thread.
SLOW_TO_WRITE, SLOW_TO_READ = MIB // 4, 4 * MIB
CONFIG = "S3_CONTENTS_CONFIG"
_Result = TypeVar("_Result")


class S3ContentsReader(AsyncContentsManager):
    """What is below one S3 prefix, and below those that are shared with others, as models of Jupyter Server.

    Endpoint, region and credentials are found as by every AWS client.
    """

    url = Unicode(
        help="""Where the files are kept, as s3://bucket/prefix. Default: the environment variable
        SPARK_NOTEBOOKS_S3_HOME.""",
    ).tag(config=True)
    shares = List(
        Dict(),
        help="""Folders shared with others, each as {"name": "flights", "url": "s3://bucket/prefix", "writable": true}, in the bucket
        of the home. They are in the folder ``shares_folder``. A place that can be written to must not contain another one.""",
    ).tag(config=True)
    shares_folder = Unicode(
        "shared",
        help="""The folder, at the top of the files, in which the shared ones are; it is there if there are any, and hides a file or
        folder of the person's own that has this name.""",
    ).tag(config=True)
    max_open_mb = Integer(
        256,
        min=1,
        help="""The largest file, in MiB, that is opened in the browser. It is in the server's memory as a whole, several
        times over; larger files can be downloaded, and read by kernels.""",
    ).tag(config=True)
    connect_timeout = Float(5.0, help="Seconds to wait for a connection to S3.").tag(config=True)
    read_timeout = Float(30.0, help="Seconds to wait for an answer of S3.").tag(config=True)
    max_attempts = Integer(4, min=1, help="How often a request is sent when S3 fails or is busy.").tag(config=True)
    max_connections = Integer(50, min=1, help="Connections to S3 at a time.").tag(config=True)

    probe_at_start = Bool(
        True, help="Find out at the start what the S3 server can do; the log and <base_url>/s3-contents/api/store tell."
    ).tag(config=True)

    home = Instance(paths.Home)
    store = Instance(S3Store)
    mounts = Instance(Mounts)
    store_check = Instance(StoreCheck)

    hash_algorithm = models.HASH_ALGORITHM

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**_administrators_settings(), **kwargs})
        self.seen, self.ongoing = SeenVersions(), Ongoing()
        self.mounts  # noqa: B018 a wrong url stops the server at its start

    @default("url")
    def _default_url(self) -> str:
        return os.environ.get("SPARK_NOTEBOOKS_S3_HOME", "")

    @default("home")
    def _default_home(self) -> paths.Home:
        try:
            return paths.Home.parse(self.url)
        except ValueError as error:
            raise TraitError(
                f"S3ContentsManager.url, or the environment variable SPARK_NOTEBOOKS_S3_HOME: {error}"
            ) from error

    @default("store")
    def _default_store(self) -> S3Store:
        config = {
            "connect_timeout": self.connect_timeout,
            "read_timeout": self.read_timeout,
            "retries": {"mode": "standard", "total_max_attempts": self.max_attempts},
            "max_pool_connections": self.max_connections,
            # Checksums of newer S3 API versions, which not every S3 server knows. TLS, or the signature of the body
            # over plain HTTP, protects what is sent.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "warm_up_loader_caches": True,  # botocore reads its files in a thread
        }
        return S3Store(self.home.bucket, config)

    @default("mounts")
    def _default_mounts(self) -> Mounts:
        try:
            return Mounts.of(self.store, self.home, self.shares_folder, map(Share.parse, self.shares))
        except ValueError as error:
            raise TraitError(f"S3ContentsManager.shares and shares_folder: {error}") from error

    @default("root_dir")
    def _default_root_dir(self) -> str:
        # Kernels and terminals start here. No file of this manager is kept there.
        return str(self.parent.root_dir) if self.parent is not None else str(Path.home())

    @default("notary")
    def _default_notary(self) -> notebooks.Notary:
        return notebooks.Notary(parent=self)

    def info_string(self) -> str:
        """What Jupyter Server logs at its start."""
        return "Serving notebooks from " + ", ".join(self.store.url(mount.home.prefix) for mount in self.mounts)

    @default("store_check")
    def _default_store_check(self) -> StoreCheck:
        return StoreCheck(self.store, self.home, self.log)

    # What is there

    async def is_hidden(self, path: str) -> bool:
        """Whether the name, or that of a folder above, begins with a dot."""
        return paths.is_hidden(path)

    async def file_exists(self, path: str) -> bool:
        """Whether there is such a file; at most one request."""
        path = paths.canonical(path)
        mount = self.mounts.get(path)
        if mount is None or path == mount.path:
            return False
        if self.seen.is_fresh(path, FRESH_SECONDS):
            return True
        return await mount.tree.head(mount.within(path)) is not None

    async def dir_exists(self, path: str) -> bool:
        """Whether there is such a folder; one request, none for the home and for shared folders."""
        path = paths.canonical(path)
        mount = self.mounts.get(path)
        return bool(self.mounts.points(path)) if mount is None else await mount.tree.has_folder(mount.within(path))

    async def exists(self, path: str) -> bool:
        """Whether there is such a file or folder; up to two requests."""
        return await self.file_exists(path) or await self.dir_exists(path)

    async def get(
        self,
        path: str,
        content: bool = True,
        type: str | None = None,  # noqa: A002 the names are Jupyter's
        format: str | None = None,  # noqa: A002
        require_hash: bool = False,
    ) -> Model:
        """The model of a file or folder; one request, and one more for a folder asked for without its type."""
        path = self._visible(path)
        if type == "directory" or self.mounts.is_point(path):
            model = await self._directory(path, content)
            if model is None and await self.file_exists(path):
                raise HTTPError(400, f"{path} is not a directory", reason="bad type")
        else:
            try:
                model = await self._file(path, type or models.file_type(path), format, content, require_hash)
            except NotFoundError:
                model = await self._directory(path, content)
        if model is None:
            raise HTTPError(404, f"No such file or directory: {path}")
        if model["type"] == "directory" and type not in (None, "directory"):
            raise HTTPError(400, f"{path} is a directory, not a {type}", reason="bad type")
        self.emit(data={"action": "get", "path": path})
        return model

    async def get_version(
        self,
        path: str,
        place: Place,
        type: str | None = None,  # noqa: A002
        format: str | None = None,  # noqa: A002
    ) -> Model:
        """The model, with content, of a file as it was in one of its versions; it cannot be written to. One request."""
        path = self._visible(path)
        mount = self.mounts.at(path)
        key = mount.history.key(mount.within(path), place)
        item, body = await self.store.get(key, self.max_open_mb * MIB, place.version)
        model = models.file_model(path, type or models.file_type(path), item) | {"writable": False}
        return await self._filled(model, body, format)

    def _visible(self, path: str) -> str:
        path = paths.canonical(path)
        if paths.is_hidden(path) and not self.allow_hidden:
            raise HTTPError(404, f"No such file or directory: {path}")
        return path

    async def _file(self, path: str, kind: str, wanted: str | None, content: bool, require_hash: bool) -> Model:
        mount = self.mounts.at(path)
        if content:
            item, body = await self.store.get(mount.key(path), self.max_open_mb * MIB)
            model = await self._filled(models.file_model(path, kind, item, require_hash, mount.writable), body, wanted)
        else:
            item = await self.store.head(mount.key(path))
            model = models.file_model(path, kind, item, require_hash, mount.writable)
        # A client that looks at the time alone goes on from the version that it has.
        if content or require_hash:
            self.seen.set(path, item)
        return model

    async def _filled(self, model: Model, body: bytes, wanted: str | None) -> Model:
        fill = self._fill_notebook if model["type"] == "notebook" else models.fill_file
        await converted(len(body) > SLOW_TO_WRITE, fill, model, body, wanted)
        return model

    def _fill_notebook(self, model: Model, body: bytes, _wanted: str | None) -> None:
        notebook, invalid = notebooks.parsed(model["path"], body)
        self.mark_trusted_cells(notebook, model["path"])
        model |= {"content": notebook, "format": "json"}
        self.validate_notebook_model(model, validation_error=invalid)

    async def _directory(self, path: str, content: bool) -> Model | None:
        mount, writable = self.mounts.get(path), self.mounts.is_writable(path)
        if not content:
            return models.directory_model(path, writable=writable) if await self.dir_exists(path) else None
        points = self.mounts.points(path)
        children = [models.directory_model(point, writable=self.mounts.is_writable(point)) for point in points]
        exists = bool(points)
        if mount is not None:
            exists = exists or path == mount.path
            async for page in mount.tree.pages(mount.within(path)):
                exists = exists or bool(page.files or page.folders)
                children += (child for child in self._children(path, mount, page) if child["path"] not in points)
        return models.directory_model(path, children, writable) if exists else None

    def _children(self, folder: str, mount: Mount, page: Page) -> list[Model]:
        found = [models.directory_model(mount.path_of(prefix), writable=mount.writable) for prefix in page.folders]
        for item in page.files:
            path = mount.path_of(item.key)
            seen = self.seen.get(path)
            # A listing has S3's time, in whole seconds. What was shown before is shown with its own again.
            known = seen if seen is not None and seen.etag == item.etag else item
            kind = models.file_type(path)
            found.append(models.file_model(path, kind, known, with_hash=False, writable=mount.writable))
        return [model for model in found if self._is_listed(folder, mount, model)]

    def _is_listed(self, folder: str, mount: Mount, model: Model) -> bool:
        # The folder's own marker has the folder's path. Keys of other programs may be no paths at all.
        path, name = model["path"], model["name"]
        if path == folder or not paths.is_canonical(mount.within(path)) or not self.should_list(name):
            return False
        return self.allow_hidden or not name.startswith(".")


def _administrators_settings() -> dict[str, Any]:
    """Settings in the environment, as the platform hands them to its notebooks: they win over files in the image."""
    try:
        found: dict[str, Any] = json.loads(os.environ.get(CONFIG) or "{}").get("S3ContentsManager", {})
    except (ValueError, AttributeError):
        raise TraitError(
            f'The environment variable {CONFIG} is no JSON of the form {{"S3ContentsManager": {{...}}}}.'
        ) from None
    return found


async def converted(is_slow: bool, function: Callable[..., _Result], *arguments: Any) -> _Result:
    """The result of a function, in a thread if it would hold up other requests."""
    return await asyncio.to_thread(function, *arguments) if is_slow else function(*arguments)
