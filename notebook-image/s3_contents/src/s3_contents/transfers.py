"""Moving and copying files and folders on S3, which has neither: copies on the server's side, then deletes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from s3_contents.capabilities import Support
from s3_contents.errors import ConflictError, NotFoundError, S3Error
from s3_contents.multipart import Upload
from s3_contents.objects import MTIME, Object, now, stamp
from s3_contents.progress import Progress, untold
from s3_contents.store import S3Store

PARALLEL = 32
# Up to this size a copy to a free name passes through this server, and keeps its ETag.
SMALL = 8 * 2**20
# A longer server-side copy is done in parts of this size, so that each request ends before it times out.
PART = 256 * 2**20
# How often a folder is looked at again for files that changed while they were copied.
ROUNDS = 5


async def copy_new(store: S3Store, source: str, target: str, touch: bool) -> tuple[Object, Object]:
    """Copy an object to a name that must be free (else ConflictError); gives the source and the copy.

    ``touch`` gives the copy the present time. Not by CopyObject, whose If-None-Match not every S3 server obeys: a
    small object is read and written, a large one copied by a multipart upload, whose completion is conditional.
    """
    async with store.open(source) as opened:
        item = opened.item
        content = await store.read(opened) if item.size <= SMALL else None
    metadata = {**item.metadata, **stamp(now() if touch else item.modified)}
    try:
        if content is not None:
            return item, await store.put(target, content, item.headers, metadata, IfNoneMatch="*")
        upload = await Upload.start(store, target, item.headers, metadata)
        return item, await _copy_parts(store, upload, item, IfNoneMatch="*")
    except ConflictError:
        raise ConflictError(f"{store.url(target)} exists already. Choose another name.") from None


async def move(store: S3Store, source: str, target: str) -> Object:
    """Give an object a name that must be free (else ConflictError); if that fails it keeps its old one.

    A copy that an interrupted move left at the target is no obstacle.
    """
    try:
        original, copy = await copy_new(store, source, target, touch=False)
    except ConflictError:
        original, copy = await _interrupted(store, source, target)
    try:
        await store.delete(source, original.etag)
    except S3Error as error:
        # The delete may have been carried out although its answer was lost.
        if not await _exists(store, source):
            return copy
        with suppress(ConflictError, NotFoundError):
            await store.delete(target, copy.etag)
        if isinstance(error, ConflictError):
            raise ConflictError(
                f"{store.url(source)} was changed while it was being renamed. Rename it again."
            ) from None
        raise
    return copy


async def _interrupted(store: S3Store, source: str, target: str) -> tuple[Object, Object]:
    original, copy = await store.head(source), await store.head(target)
    # Only a move gives two objects one time, in milliseconds. A large copy has an ETag of its own.
    is_same = (original.size, original.modified) == (copy.size, copy.modified) and MTIME in copy.metadata
    if is_same and (original.etag == copy.etag or original.size > SMALL):
        return original, copy
    raise ConflictError(f"{store.url(target)} exists already. Choose another name.")


async def copy_tree(store: S3Store, items: Collection[Object], source: str, target: str) -> None:
    """Copy these objects from below one prefix to below another, which must be free; undone if that fails."""

    async def copy(item: Object) -> None:
        await _copy_version(store, item, _renamed(item.key, source, target))

    try:
        await _for_each(items, copy)
    except S3Error:
        await store.delete_many(_renamed(item.key, source, target) for item in items)
        raise


async def move_tree(
    store: S3Store, source: str, target: str, resume: bool = False, progress: Progress = untold
) -> None:
    """Move all objects from below one prefix to below another, which must be free.

    Files that change meanwhile are copied again. If a copy fails the copies are removed and the source is as it was;
    if a delete fails (the error says so) everything is at the target, and the rest of the source is still there.

    ``resume`` goes on with a move that was interrupted: what is at the target already must be the same (else ConflictError).
    """
    done: dict[str, str] = {}
    items: Collection[Object] = ()
    there = {item.key: item for item in await store.tree(target)} if resume else {}

    async def copy(item: Object) -> None:
        arrived = there.pop(_renamed(item.key, source, target), None)
        if arrived is not None:
            await _check_same(store, item, arrived)
            done[item.key] = item.etag
        else:
            # What changed or vanished since it was listed is seen by the next listing.
            with suppress(ConflictError, NotFoundError):
                await _copy_version(store, item, _renamed(item.key, source, target))
                done[item.key] = item.etag
        progress(len(done), len(items))

    try:
        for _ in range(ROUNDS):
            items = await store.tree(source)
            changed = [item for item in items if done.get(item.key) != item.etag]
            vanished = done.keys() - {item.key for item in items}
            if not changed and not vanished:
                break
            await _for_each(changed, copy)
            await store.delete_many(_renamed(key, source, target) for key in vanished)
            for key in vanished:
                del done[key]
        else:
            raise ConflictError(f"{store.url(source)} is being written to. Rename it again when that has ended.")
    except S3Error:
        await store.delete_many(_renamed(key, source, target) for key in done)
        raise
    await store.delete_many(done)


async def _check_same(store: S3Store, item: Object, copy: Object) -> None:
    if (item.size, item.etag) == (copy.size, copy.etag):
        return
    # A copy in parts has an ETag of its own, but the time of its source, in milliseconds.
    if item.size == copy.size > PART:
        first, second = await store.head(item.key), await store.head(copy.key)
        if first.modified == second.modified:
            return
    raise ConflictError(
        f"{store.url(item.key)} and {store.url(copy.key)} differ: one of them was changed after the renaming had been "
        "interrupted. Give one of the two another name, and rename the folder again."
    )


async def _copy_version(store: S3Store, item: Object, target: str) -> None:
    if item.key.endswith("/"):
        # S3 servers on a file system cannot copy a folder's marker.
        await store.make_marker(target)
    elif item.size <= PART:
        await store.copy(item.key, target, CopySourceIfMatch=f'"{item.etag}"')
    else:
        head = await store.head(item.key)
        metadata = {**head.metadata, **stamp(head.modified)}
        await _copy_parts(store, await Upload.start(store, target, head.headers, metadata), head)


async def _copy_parts(store: S3Store, upload: Upload, item: Object, **condition: str) -> Object:
    try:
        for first in range(0, item.size, PART):
            await upload.copy(item, first, min(first + PART, item.size) - 1)
        if store.supports.copy is Support.NO:
            await store.compare(item.key, {"IfMatch": f'"{item.etag}"'})
        return await upload.complete(**condition)
    except BaseException:
        await upload.abort()
        raise


async def _for_each(items: Collection[Object], action: Callable[[Object], Awaitable[None]]) -> None:
    # After a failure nothing new begins, but what has begun is waited for: only then is it known what there is.
    queue = iter(items)
    failures: list[S3Error] = []
    turn = asyncio.Lock()

    async def work() -> None:
        for item in queue:
            # To prepare a request takes milliseconds. One in each turn of the event loop, and others are served in between.
            async with turn:
                await asyncio.sleep(0)
            if failures:
                return
            try:
                await action(item)
            except S3Error as error:
                failures.append(error)

    await asyncio.gather(*(work() for _ in range(min(PARALLEL, len(items)))))
    if failures:
        raise failures[0]


async def _exists(store: S3Store, key: str) -> bool:
    try:
        await store.head(key)
    except NotFoundError:
        return False
    return True


def _renamed(key: str, source: str, target: str) -> str:
    return target + key.removeprefix(source)
