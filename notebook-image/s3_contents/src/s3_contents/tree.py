"""The files and folders of one home: what S3 keys mean as paths, and what is done to them as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress
from urllib.parse import quote, unquote

from tornado.web import HTTPError

from s3_contents import paths, transfers
from s3_contents.errors import ConflictError, NotFoundError, RejectedError, S3Error
from s3_contents.history import WAS, History
from s3_contents.objects import Object, Page, now, stamp
from s3_contents.progress import Progress, untold
from s3_contents.store import S3Store

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Tree:
    """Files and folders at canonical API paths.

    A folder is there if a key begins with it. The empty object ``folder/`` marks one that has, or had, nothing in it;
    folders that other programs made have no marker. Where a file and a folder have one name, the path means the file.
    """

    store: S3Store
    home: paths.Home
    history: History

    async def head(self, path: str) -> Object | None:
        """The state of a file, or None; one request."""
        try:
            return await self.store.head(self.home.key(path))
        except NotFoundError:
            return None

    async def has_folder(self, path: str) -> bool:
        """Whether there is such a folder; one request, none for the home."""
        return not path or await self.store.any_below(self.home.folder(path)) is not None

    async def pages(self, folder: str) -> AsyncIterator[Page]:
        """The objects and folders directly in a folder; one request per 1,000.

        One more per folder if the server finds deleted objects.
        """
        async for page in self._pages(self.home.folder(folder)):
            yield page

    async def names(self, folder: str, beginning: str) -> set[str]:
        """The names in a folder that begin so, of files and folders; one request per 1,000."""
        prefix = self.home.folder(folder)
        names: set[str] = set()
        async for page in self._pages(prefix + beginning):
            keys = [*(item.key for item in page.files), *page.folders]
            names.update(key.removeprefix(prefix).removesuffix("/") for key in keys)
        return names

    async def check_no_folder(self, path: str) -> None:
        """RejectedError if there is a folder where a file is to be made; one request."""
        if await self.has_folder(path):
            raise RejectedError(f"{path} is a folder. Choose another name for the file.")

    async def make_folder(self, path: str) -> None:
        """Make a folder unless it is there; three requests."""
        if await self.head(path) is not None:
            raise RejectedError(f"{path} is a file, not a directory. Choose another name for the folder.")
        await self.store.make_marker(self.home.folder(path))
        if not await self.has_folder(path):
            raise RejectedError(
                f"The S3 server cannot make the folder {path}: it keeps versions of a deleted file of this name. "
                "Choose another name."
            )

    async def delete(self, path: str, with_content: bool) -> None:
        """Delete a file, or a folder that is empty or may be deleted with its content.

        Three requests for a file. Raises NotFoundError, or RejectedError for a folder that is not empty.
        """
        if await self.head(path) is not None:
            await self.store.delete(self.home.key(path))
        else:
            marker = self.home.folder(path)
            keys = [item.key for item in await self.store.tree(marker)]
            if not keys:
                raise NotFoundError(f"File or directory does not exist: {path}")
            if keys != [marker] and not with_content:
                raise RejectedError(f"Directory cannot be deleted before what is in it: {path} not empty")
            await self.store.delete_many(keys)
        await self._keep_folder_of(path)

    async def rename(self, old: str, new: str, was: str | None = None, progress: Progress = untold) -> None:
        """Rename a file or folder to a free name; five requests for a small file, and one more in a bucket that keeps versions.

        Raises NotFoundError, or ConflictError if the name is taken or the file changes meanwhile. A folder's renaming that
        was interrupted, because the server or S3 went away, is brought to its end by another try, and undone by one in
        the other direction.

        ``was`` is the name under which the history is to go on, ``old`` without it; ``new`` itself: there is nothing to record.
        """
        resume = await self.has_folder(new)
        if resume and not await self._was_interrupted(old, new):
            raise ConflictError(f"File already exists: {new}")
        if new.startswith(f"{old}/"):
            raise RejectedError(f"{old} cannot be moved into itself.")
        # Before the renaming, so that a server which is killed leaves no file without its history.
        record = None if was == new else await self.history.record(was or old, new)
        try:
            await self._move(old, new, resume, progress)
        except BaseException:
            await self.history.forget(record)
            raise
        await self._keep_folder_of(old, moved_to=new)

    async def _move(self, old: str, new: str, resume: bool, progress: Progress) -> None:
        try:
            if not resume:
                await transfers.move(self.store, self.home.key(old), self.home.key(new))
                return
        except NotFoundError:
            if not await self.has_folder(old):
                raise NotFoundError(f"File or directory does not exist: {old}") from None
            if await self.head(new) is not None:
                raise ConflictError(f"File already exists: {new}") from None
        await self._move_folder(old, new, resume, progress)

    async def _move_folder(self, old: str, new: str, resume: bool, progress: Progress) -> None:
        mark, other = self.home.moving(new), self.home.moving(old)
        headers = {"ContentType": "application/octet-stream"}
        await self.store.put(mark, b"", headers, {**stamp(now()), WAS: quote(old)})
        try:
            await transfers.move_tree(self.store, self.home.folder(old), self.home.folder(new), resume, progress)
        except S3Error:
            # Undone, unless S3 went away: then the mark stays.
            if not resume and not await self.has_folder(new):
                await self.store.delete(mark)
            raise
        await self.store.delete_many([mark, other] if resume else [mark])

    async def _was_interrupted(self, old: str, new: str) -> bool:
        for here, there in ((new, old), (old, new)):
            with suppress(NotFoundError):
                mark = await self.store.head(self.home.moving(here))
                if unquote(mark.metadata.get(WAS, "")) == there:
                    return True
        return False

    async def copy_file(self, source: str, into: Tree, target: str) -> Object:
        """Copy a file to a free name (else ConflictError) in this tree or another. Raises NotFoundError if there is no such file."""
        _, item = await transfers.copy_new(self.store, self.home.key(source), into.home.key(target), touch=True)
        return item

    async def copy_folder(self, source: str, into: Tree, target: str, limit: int) -> None:
        """Copy a folder of at most ``limit`` bytes to a free name (else ConflictError) in this tree or another.

        Raises NotFoundError if there is no such folder, HTTPError 400 if it is too large.
        """
        items = await self.store.tree(self.home.folder(source))
        if not items:
            raise NotFoundError(f"No such file or directory: {source}")
        if into is self and (target == source or target.startswith(f"{source}/")):
            raise RejectedError(f"{source} cannot be copied into itself.")
        size = sum(item.size for item in items)
        if size > limit:
            raise HTTPError(
                400, f"Can't copy folders larger than {limit // MIB}MB: {source} has {size // MIB}MB. Copy parts of it."
            )
        if await into.head(target) is not None or await into.has_folder(target):
            raise ConflictError(f"File already exists: {target}")
        await transfers.copy_tree(self.store, items, self.home.folder(source), into.home.folder(target))

    async def _pages(self, prefix: str) -> AsyncIterator[Page]:
        async for page in self.store.folder(prefix):
            if self.store.finds_deleted:
                first = await asyncio.gather(*(self.store.any_below(folder) for folder in page.folders))
                yield Page(page.files, list(compress(page.folders, first)))
            else:
                yield page

    async def _keep_folder_of(self, path: str, moved_to: str = "") -> None:
        # A folder without a marker would vanish with its last file.
        folder, _ = paths.split(path)
        if folder and folder != paths.split(moved_to)[0]:
            await self.store.make_marker(self.home.folder(folder))
