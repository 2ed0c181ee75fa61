"""Checkpoints on S3: one copy per file, beside the person's files and out of their sight."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from tornado.web import HTTPError

from s3_contents import paths, transfers
from s3_contents.errors import NotFoundError
from s3_contents.models import content_type
from s3_contents.objects import now, stamp
from s3_contents.reader import S3ContentsReader

CHECKPOINT_ID = "checkpoint"


class S3Checkpoints(AsyncCheckpoints):
    """The last checkpoint of each file, as a copy made on the server's side.

    The copy of ``folder/a.ipynb`` has the key ``<prefix>.s3_contents/checkpoints/folder/a.ipynb/checkpoint``, so that
    those of a folder move and go with it.
    """

    parent: S3ContentsReader

    async def create_checkpoint(self, contents_mgr: S3ContentsReader, path: str) -> dict[str, Any]:
        """Keep the present version; one request."""
        path = paths.canonical(path)
        home = self.parent.home
        try:
            time = await self.parent.store.copy(home.key(path), home.checkpoints(path) + CHECKPOINT_ID)
        except NotFoundError:
            raise HTTPError(404, f"No such file: {path}") from None
        return _model(time)

    async def restore_checkpoint(self, contents_mgr: S3ContentsReader, checkpoint_id: str, path: str) -> None:
        """Make the checkpoint the present version; one request. A document open elsewhere sees it as a change."""
        path = paths.canonical(path)
        home = self.parent.home
        replacement = {
            "MetadataDirective": "REPLACE",
            "Metadata": stamp(now()),
            "ContentType": content_type(path),
        }
        try:
            await self.parent.store.copy(self._key(checkpoint_id, path), home.key(path), **replacement)
        except NotFoundError:
            raise HTTPError(404, f"{path} has no checkpoint {checkpoint_id!r}.") from None
        self.parent.emit(data={"action": "save", "path": path})

    async def rename_checkpoint(self, checkpoint_id: str, old_path: str, new_path: str) -> None:
        """Let one checkpoint follow its file."""
        old, new = paths.canonical(old_path), paths.canonical(new_path)
        source = self._key(checkpoint_id, old)
        await self.parent.store.copy(source, self._key(checkpoint_id, new))
        await self.parent.store.delete(source)

    async def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Delete one checkpoint."""
        path = paths.canonical(path)
        if not await self.list_checkpoints(path):
            raise HTTPError(404, f"{path} has no checkpoint {checkpoint_id!r}.")
        await self.parent.store.delete(self._key(checkpoint_id, path))

    async def list_checkpoints(self, path: str) -> list[dict[str, Any]]:
        """Id and time of the file's checkpoint, if there is one; one request."""
        # By a listing, because a HEAD answers with the file's own time.
        key = self.parent.home.checkpoints(paths.canonical(path)) + CHECKPOINT_ID
        item = await self.parent.store.any_below(key)
        return [_model(item.modified)] if item is not None and item.key == key else []

    async def rename_all_checkpoints(self, old_path: str, new_path: str) -> None:
        """Let the checkpoints of a file, or of all files in a folder, follow it."""
        home = self.parent.home
        old, new = paths.canonical(old_path), paths.canonical(new_path)
        await transfers.move_tree(self.parent.store, home.checkpoints(old), home.checkpoints(new))

    async def delete_all_checkpoints(self, path: str) -> None:
        """Delete the checkpoints of a file, or of all files in a folder."""
        prefix = self.parent.home.checkpoints(paths.canonical(path))
        await self.parent.store.delete_many(item.key for item in await self.parent.store.tree(prefix))

    def _key(self, checkpoint_id: str, path: str) -> str:
        if checkpoint_id != CHECKPOINT_ID:
            raise HTTPError(404, f"{path} has no checkpoint {checkpoint_id!r}.")
        return self.parent.home.checkpoints(path) + checkpoint_id


def _model(time: datetime) -> dict[str, Any]:
    return {"id": CHECKPOINT_ID, "last_modified": time.astimezone(UTC)}
