"""The trash over HTTP: ``<base_url>/s3-contents/api/trash``."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import HTTPError, authenticated

from s3_contents import paths
from s3_contents.errors import RefusedError
from s3_contents.handlers import ContentsHandler
from s3_contents.manager import S3ContentsManager
from s3_contents.mounts import Mount
from s3_contents.timed_id import TrashId
from s3_contents.trash import Trashed


class TrashHandler(ContentsHandler):
    """What was deleted and can be brought back."""

    @property
    def _files(self) -> S3ContentsManager:
        files: S3ContentsManager = self.contents_manager
        return files

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{"days": ..., "trashed": [...]}``, the last deleted first; ``days`` is how long it stays, null: for ever.

        Each has an ``id``, the ``path`` that it had, ``type`` ("file" or "directory"), ``time`` of its deletion (ISO 8601), ``files`` and
        their ``size`` in bytes. What anybody has deleted in a shared folder is in its own trash, which is shown to those who may write there.
        """
        mounts = [mount for mount in self._files.mounts if mount.writable]
        found = await asyncio.gather(*(self._entries(mount) for mount in mounts))
        entries = [(entry, mount) for mount, mine in zip(mounts, found, strict=True) for entry in mine]
        entries.sort(key=lambda each: each[0].id.time, reverse=True)
        self.finish({"days": self._files.trash_days or None, "trashed": [_as_json(*each) for each in entries]})

    async def _entries(self, mount: Mount) -> list[Trashed]:
        try:
            return await mount.trash.entries()
        except RefusedError as error:
            if not mount.path:
                raise
            # Who has lost a share since the server started still has a trash.
            self.log.warning("The trash of %r is not shown: %s", mount.path, error.log_message)
            return []

    @authenticated
    @authorized
    async def post(self) -> None:
        """Bring ``{"id": ...}`` of the body back, and answer ``{"path": ...}``."""
        mount, trash_id = self._found(str((self.get_json_body() or {}).get("id")))
        self.finish({"path": await self._files.restore_from_trash(trash_id, mount)})

    @authenticated
    @authorized
    async def delete(self) -> None:
        """Delete ``id`` of the query for good; 204."""
        mount, trash_id = self._found(self.get_query_argument("id"))
        await mount.trash.remove(trash_id)
        self.set_status(204)
        self.finish()

    def _found(self, text: str) -> tuple[Mount, TrashId]:
        path, _, name = text.rpartition("/")
        mount = next((each for each in self._files.mounts if each.path == path and each.writable), None)
        trash_id = TrashId.parse(name)
        if mount is None or trash_id is None:
            raise HTTPError(404, f"There is nothing called {text[:40]!r} in the trash. Look at the trash again.")
        return mount, trash_id


def _as_json(entry: Trashed, mount: Mount) -> dict[str, Any]:
    return {
        # As the trash of a share is another one, its ids begin with its path.
        "id": paths.join(mount.path, str(entry.id)),
        "path": mount.outside(entry.path),
        "type": "directory" if entry.is_folder else "file",
        "time": entry.id.time.isoformat(),
        "files": entry.files,
        "size": entry.size,
    }
