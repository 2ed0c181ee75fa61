"""A folder as one zip archive: ``<base_url>/s3-contents/api/archive?path=<folder>``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, authenticated

from s3_contents import paths
from s3_contents.archive import Member, zipped
from s3_contents.errors import NotFoundError, S3Error
from s3_contents.handlers import ContentsHandler
from s3_contents.mounts import Mount

HOME = "files"
"""What the archive of everything is called."""


class ArchiveHandler(ContentsHandler):
    """Sends what is in a folder, without what the file browser does not show."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """The archive of the query's ``path`` ("" is everything but shared folders), streamed; 404 if there is no such folder.

        S3 is asked once per 1,000 objects and once per file. If it fails in between, the connection ends before the archive does.
        """
        # A page of another site must not be able to start this.
        self.check_xsrf_cookie()
        path = paths.canonical(self.get_query_argument("path", ""))
        mount = self.manager.mounts.at(path)
        if not self._is_shown(mount.within(path)) or not await self.manager.dir_exists(path):
            raise HTTPError(404, f"No such folder: {path}")
        name = paths.split(path)[1] or HOME
        self.set_attachment_header(f"{name}.zip")
        self.set_header("Content-Type", "application/zip")
        async with aclosing(self._members(mount, path, name)) as members, aclosing(zipped(members)) as parts:
            try:
                async for part in parts:
                    self.write(part)
                    await self.flush()
            except StreamClosedError:
                pass  # whoever reads has had enough
            except S3Error as error:
                self.log.warning("The archive of %r was broken off: %s", path, error.log_message)
                self._break_off()

    async def _members(self, mount: Mount, path: str, name: str) -> AsyncGenerator[Member]:
        prefix = mount.folder(path)
        async for item in self.manager.store.each(prefix):
            below = item.key.removeprefix(prefix)
            # What shared folders hide is not shown either.
            if (
                not self._is_shown(mount.home.path(item.key))
                or self.manager.mounts.get(mount.path_of(item.key)) is not mount
            ):
                continue
            if below == "" or below.endswith("/"):
                yield Member(paths.join(name, below).strip("/"), item.modified, None)
                continue
            # Deleted since the listing: it is no longer in the folder.
            with suppress(NotFoundError):
                async with self.manager.store.open(item.key) as opened:
                    yield Member(paths.join(name, below), opened.item.modified, self.manager.store.chunks(opened))

    def _break_off(self) -> None:
        """Close the connection. A response that only ended would look whole: nobody has said how long it is."""
        connection: Any = self.request.connection
        connection.stream.close()

    def _is_shown(self, path: str) -> bool:
        if not path:
            return True
        if not paths.is_canonical(path) or (paths.is_hidden(path) and not self.manager.allow_hidden):
            return False
        return all(self.manager.should_list(name) for name in path.split("/"))
