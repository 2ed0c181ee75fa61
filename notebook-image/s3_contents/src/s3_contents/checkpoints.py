"""Checkpoints on S3, kept beside the person's files and out of their sight: pointers to versions, or copies where there are none."""

from __future__ import annotations

from typing import Any

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from tornado.web import HTTPError
from traitlets import Integer

from s3_contents import paths, transfers
from s3_contents.errors import NotFoundError
from s3_contents.history import Place
from s3_contents.mounts import Mount
from s3_contents.objects import now, stamp
from s3_contents.reader import S3ContentsReader
from s3_contents.timed_id import CheckpointId

# The metadata of a checkpoint that points to a version: the token of its place.
VERSION = "version"


class S3Checkpoints(AsyncCheckpoints):
    """The checkpoints of each file: which version it was, or a copy in a bucket that keeps no versions.

    One of ``folder/a.ipynb`` has the key ``<prefix>.s3_contents/checkpoints/folder/a.ipynb/<id>``, so that those of a
    folder move and go with it.
    """

    parent: S3ContentsReader

    max_checkpoints = Integer(
        50, min=1, help="How many checkpoints of a file are kept; the oldest go when they are listed."
    ).tag(config=True)

    async def create_checkpoint(self, contents_mgr: S3ContentsReader, path: str) -> dict[str, Any]:
        """Keep the present version; two requests."""
        mount, path = self._to_change(path)
        store = self.parent.store
        try:
            item = await store.head(mount.key(path))
            checkpoint_id = CheckpointId.new(now(), item.size)
            key = _key(mount, str(checkpoint_id), path)
            if item.version is None:
                await store.copy(item.key, key, CopySourceIfMatch=f'"{item.etag}"')
            else:
                place = Place(mount.within(path), item.version).token()
                headers = {"ContentType": "application/octet-stream"}
                await store.put(key, b"", headers, {**stamp(item.modified), VERSION: place}, IfNoneMatch="*")
        except NotFoundError:
            raise HTTPError(404, f"No such file: {path}") from None
        return _model(checkpoint_id)

    async def restore_checkpoint(self, contents_mgr: S3ContentsReader, checkpoint_id: str, path: str) -> None:
        """Make the checkpoint the present version; two requests. A document open elsewhere sees it as a change."""
        mount, path = self._to_change(path)
        within = mount.within(path)
        try:
            item = await self.parent.store.head(_key(mount, checkpoint_id, path))
            if VERSION in item.metadata:
                await mount.history.restore(within, Place.parse(item.metadata[VERSION]))
            else:
                copy = Place(item.key.removeprefix(mount.home.prefix), None)
                await mount.history.restore(within, copy, CopySourceIfMatch=f'"{item.etag}"')
        except NotFoundError:
            raise HTTPError(404, f"{path} has no checkpoint {checkpoint_id!r}.") from None
        self.parent.emit(data={"action": "save", "path": path})

    async def rename_checkpoint(self, checkpoint_id: str, old_path: str, new_path: str) -> None:
        """Let one checkpoint follow its file."""
        (mount, old), (other, new) = self._to_change(old_path), self._to_change(new_path)
        source = _key(mount, checkpoint_id, old)
        await self.parent.store.copy(source, _key(other, checkpoint_id, new))
        await self.parent.store.delete(source)

    async def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Delete one checkpoint; the version that it points to stays."""
        mount, path = self._to_change(path)
        key = _key(mount, checkpoint_id, path)
        try:
            await self.parent.store.head(key)
        except NotFoundError:
            raise HTTPError(404, f"{path} has no checkpoint {checkpoint_id!r}.") from None
        await self.parent.store.delete(key)

    async def list_checkpoints(self, path: str) -> list[dict[str, Any]]:
        """Ids and times of the file's checkpoints, the last one last; one request, and one more when there are too many."""
        path = paths.canonical(path)
        mount = self.parent.mounts.at(path)
        prefix = mount.home.checkpoints(mount.within(path))
        # In the order of their times, which all have as many digits.
        names = [
            item.key.removeprefix(prefix) async for page in self.parent.store.folder(prefix) for item in page.files
        ]
        found = [known for name in names if (known := CheckpointId.parse(name)) is not None]
        surplus, kept = found[: -self.max_checkpoints], found[-self.max_checkpoints :]
        if surplus and mount.writable:
            await self.parent.store.delete_many(f"{prefix}{known}" for known in surplus)
        return [_model(known) for known in kept]

    async def rename_all_checkpoints(self, old_path: str, new_path: str) -> None:
        """Let the checkpoints of a file, or of all files in a folder, follow it."""
        (mount, old), (other, new) = self._to_change(old_path), self._to_change(new_path)
        source, target = mount.home.checkpoints(mount.within(old)), other.home.checkpoints(other.within(new))
        await transfers.move_tree(self.parent.store, source, target)

    async def delete_all_checkpoints(self, path: str) -> None:
        """Delete the checkpoints of a file, or of all files in a folder."""
        mount, path = self._to_change(path)
        prefix = mount.home.checkpoints(mount.within(path))
        await self.parent.store.delete_many(item.key for item in await self.parent.store.tree(prefix))

    def _to_change(self, path: str) -> tuple[Mount, str]:
        """The mount of a file whose checkpoints are to change, and its canonical path; RefusedError where it can only be read."""
        path = paths.canonical(path)
        return self.parent.mounts.to_change(path), path


def _key(mount: Mount, checkpoint_id: str, path: str) -> str:
    if CheckpointId.parse(checkpoint_id) is None:
        raise HTTPError(404, f"{path} has no checkpoint {checkpoint_id!r}.")
    return mount.home.checkpoints(mount.within(path)) + checkpoint_id


def _model(checkpoint_id: CheckpointId) -> dict[str, Any]:
    # Jupyter's model, which has no size: the id and the history tell it.
    return {"id": str(checkpoint_id), "last_modified": checkpoint_id.time}
