"""What is on S3 below a folder that is kept the same, in few requests however much there is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from s3_contents import paths
from s3_contents.mounts import Mount
from s3_contents.objects import Object
from s3_contents.store import S3Store
from s3_contents.sync_plan import is_mirrored

# Requests of 1,000 names each, for one look at a folder and all that is below it.
MOST_PAGES = 6
# A folder that had more is looked at as a whole again after so many looks at the files directly in it.
LOOKS_BETWEEN = 30
_LAST = "\U0010ffff"


@dataclass(slots=True)
class Listing:
    """The files of a folder on S3 by path; of one with too many only those directly in it, and so told."""

    files: dict[str, Object] = field(default_factory=dict)
    is_flat: bool = False
    is_whole: bool = True

    def covers(self, path: str, folder: str) -> bool:
        """Whether a file that is not in the listing of the folder is not on S3."""
        return self.is_whole and (not self.is_flat or paths.split(path)[0] == folder)


class FolderLister:
    """Looks at a folder again and again."""

    def __init__(self, store: S3Store, mount: Mount, folder: str) -> None:
        self._store = store
        self._mount = mount
        self._folder = folder
        self._flat_looks = 0

    async def list(self, without: Collection[str]) -> Listing:
        """The files, but hidden ones and those below some folders.

        One request per 1,000 files, and one more for hidden folders and for ``without``; one for the files directly in the
        folder, per 1,000 files and folders there, where there are more than ``MOST_PAGES`` can tell.
        """
        if self._flat_looks == 0:
            listing = await self._deep(without)
            if listing.is_whole:
                return listing
            self._flat_looks = LOOKS_BETWEEN
        self._flat_looks -= 1
        return await self._flat()

    async def _deep(self, without: Collection[str]) -> Listing:
        listing, prefix, after = Listing(), self._mount.folder(self._folder), ""
        for _ in range(MOST_PAGES):
            items, goes_on = await self._store.after(prefix, after)
            for item in items:
                path = self._mount.path_of(item.key)
                if not item.key.endswith("/") and is_mirrored(path) and _folder_in(path, without) is None:
                    listing.files[path] = item
            if not goes_on:
                return listing
            last = self._mount.path_of(items[-1].key)
            # The trash alone may have a hundred thousand: the next look begins behind such a folder.
            passed = _hidden_folder(last) or _folder_in(last, without)
            after = items[-1].key if passed is None else self._mount.folder(passed) + _LAST
        listing.is_whole = False
        return listing

    async def _flat(self) -> Listing:
        listing, pages = Listing(is_flat=True), 0
        async for page in self._store.folder(self._mount.folder(self._folder)):
            for item in page.files:
                path = self._mount.path_of(item.key)
                if not item.key.endswith("/") and is_mirrored(path):
                    listing.files[path] = item
            pages += 1
            if pages == MOST_PAGES:
                listing.is_whole = False
                break
        return listing


def _folder_in(path: str, folders: Collection[str]) -> str | None:
    """The one of some folders that a path is in."""
    return next((folder for folder in folders if path.startswith(f"{folder}/")), None)


def _hidden_folder(path: str) -> str | None:
    """The first folder on the way to a path whose name begins with a dot."""
    names = path.split("/")[:-1]
    for number, name in enumerate(names, 1):
        if name.startswith("."):
            return "/".join(names[:number])
    return None
