"""The trash over HTTP: ``<base_url>/s3-contents/api/trash``."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import HTTPError, authenticated

from s3_contents.handlers import ContentsHandler
from s3_contents.manager import S3ContentsManager
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
        their ``size`` in bytes.
        """
        entries = await self._files.trash.entries()
        self.finish({"days": self._files.trash_days or None, "trashed": [_as_json(entry) for entry in entries]})

    @authenticated
    @authorized
    async def post(self) -> None:
        """Bring ``{"id": ...}`` of the body back, and answer ``{"path": ...}``."""
        path = await self._files.restore_from_trash(_id(str((self.get_json_body() or {}).get("id"))))
        self.finish({"path": path})

    @authenticated
    @authorized
    async def delete(self) -> None:
        """Delete ``id`` of the query for good; 204."""
        await self._files.trash.remove(_id(self.get_query_argument("id")))
        self.set_status(204)
        self.finish()


def _id(text: str) -> TrashId:
    trash_id = TrashId.parse(text)
    if trash_id is None:
        raise HTTPError(404, f"There is nothing called {text[:40]!r} in the trash. Look at the trash again.")
    return trash_id


def _as_json(entry: Trashed) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "path": entry.path,
        "type": "directory" if entry.is_folder else "file",
        "time": entry.id.time.isoformat(),
        "files": entry.files,
        "size": entry.size,
    }
