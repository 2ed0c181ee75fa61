"""What was deleted and can be brought back: files and folders below ``<prefix>.s3_contents/trash/``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from s3_contents import paths, transfers
from s3_contents.errors import ConflictError, NotFoundError, RefusedError
from s3_contents.objects import Object, now
from s3_contents.progress import Progress, untold
from s3_contents.store import S3Store
from s3_contents.timed_id import TrashId
from s3_contents.tree import Tree


@dataclass(frozen=True, slots=True)
class Trashed:
    """Something in the trash: ``path`` is where it was, ``files`` how many there are in it, ``size`` their bytes."""

    id: TrashId
    path: str
    is_folder: bool
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Trash:
    """The trash of one home. Whatever goes in and out is renamed, with its checkpoints and its history."""

    store: S3Store
    home: paths.Home
    tree: Tree

    async def put(self, path: str, progress: Progress = untold) -> TrashId:
        """Move a file or folder, at a canonical path, into the trash. NotFoundError if it is not there."""
        trash_id = TrashId.new(now(), len(path.split("/")))
        place = self._place(trash_id, path)
        await self.tree.rename(path, place, was=place, progress=progress)
        await self._move_checkpoints(path, place)
        return trash_id

    async def restore(self, trash_id: TrashId) -> str:
        """Move something back to where it was, or beside it if that name is taken; gives the path.

        Raises NotFoundError if it is not in the trash.
        """
        prefix = self.home.trash(str(trash_id))
        path = self._was(trash_id, await self.store.tree(prefix))
        if path is None:
            raise NotFoundError("It is not in the trash any more. Look at the trash again.")
        place = self._place(trash_id, path)
        for target in _names(path):
            try:
                await self.tree.rename(place, target, was=path)
            except ConflictError:
                continue
            await self._move_checkpoints(place, target)
            await self.store.delete_many(item.key for item in await self.store.tree(prefix))
            return target
        raise AssertionError("there is always another name")

    async def entries(self) -> list[Trashed]:
        """What is in the trash, the last deleted first; one request per 1,000 files in it."""
        items = await self.store.tree(self.home.trash())
        groups = itertools.groupby(items, lambda item: self._split(item)[0])
        found = [self._entry(trash_id, list(group)) for trash_id, group in groups if trash_id is not None]
        return sorted((entry for entry in found if entry is not None), key=lambda entry: entry.id.time, reverse=True)

    async def ids(self) -> list[TrashId]:
        """What is in the trash, the first deleted first; one request per 1,000 things."""
        prefix = self.home.trash()
        names = [folder[len(prefix) : -1] async for page in self.store.folder(prefix) for folder in page.folders]
        return [known for name in names if (known := TrashId.parse(name)) is not None]

    async def remove(self, trash_id: TrashId) -> None:
        """Delete something from the trash for good, with its versions there and its checkpoints."""
        place = self.home.trash(str(trash_id))
        path = self.home.path(place)
        for prefix in (place, self.home.checkpoints(path), self.home.movings(path)):
            if await self.store.keeps_versions(prefix):
                try:
                    await self.store.delete_versions(prefix)
                    continue
                except RefusedError:
                    pass  # The keys may delete objects, and no versions.
            await self.store.delete_many(item.key for item in await self.store.tree(prefix))

    def _entry(self, trash_id: TrashId, items: list[Object]) -> Trashed | None:
        path = self._was(trash_id, items)
        if path is None:
            return None
        whole = self.home.key(self._place(trash_id, path))
        # Beside what was deleted there may be the markers of the folders in which it was.
        mine = [item for item in items if item.key == whole or item.key.startswith(f"{whole}/")]
        files = [item for item in mine if not item.key.endswith("/")]
        is_folder = any(item.key != whole for item in mine)
        return Trashed(trash_id, path, is_folder, len(files), sum(item.size for item in files))

    def _was(self, trash_id: TrashId, items: list[Object]) -> str | None:
        """The path of what was deleted, if any of it is there."""
        for item in items:
            names = self._split(item)[1].rstrip("/").split("/")
            if len(names) >= trash_id.depth:
                return "/".join(names[: trash_id.depth])
        return None

    def _split(self, item: Object) -> tuple[TrashId | None, str]:
        name, _, path = item.key.removeprefix(self.home.trash()).partition("/")
        return TrashId.parse(name), path

    def _place(self, trash_id: TrashId, path: str) -> str:
        return self.home.path(self.home.trash(str(trash_id))) + f"/{path}"

    async def _move_checkpoints(self, old: str, new: str) -> None:
        await transfers.move_tree(self.store, self.home.checkpoints(old), self.home.checkpoints(new))


def _names(path: str) -> Iterator[str]:
    """The path itself, then free-looking names beside it."""
    folder, name = paths.split(path)
    base, suffix = paths.stem(name)
    yield path
    for number in itertools.count(1):
        yield paths.join(folder, f"{base}-Restored{number}{suffix}")
