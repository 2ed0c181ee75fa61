"""Which S3 prefix is where among the files of a server: the home at the top, and folders shared with others below a folder of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from s3_contents import paths
from s3_contents.errors import NotFoundError, RefusedError, RejectedError
from s3_contents.history import History
from s3_contents.store import S3Store
from s3_contents.trash import Trash
from s3_contents.tree import Tree


@dataclass(frozen=True, slots=True)
class Share:
    """A shared folder as the settings have it."""

    name: str
    home: paths.Home
    writable: bool

    @classmethod
    def parse(cls, setting: Mapping[str, Any]) -> Self:
        """The share of ``{"name", "url", "writable"}``; ValueError says what is wrong with it."""
        try:
            name, url, writable = setting["name"], setting["url"], setting["writable"]
        except KeyError as missing:
            raise ValueError(
                f"A shared folder has a name, a url, and is writable or not: {missing} is missing."
            ) from None
        if not isinstance(name, str) or not isinstance(url, str) or not isinstance(writable, bool):
            raise ValueError("The name and the url of a shared folder are texts, and writable is true or false.")
        check_name(name)
        return cls(name, paths.Home.parse(url), writable)


def check_name(name: str) -> None:
    """ValueError unless it can be the name of a folder that the file browser shows."""
    if not name or "/" in name or name.startswith(".") or not paths.is_canonical(name):
        raise ValueError(
            f"{name!r} cannot be the name of a shared folder: it has to be one name, and not begin with a dot."
        )


def check_apart(home: paths.Home, shares: Iterable[Share]) -> None:
    """ValueError if what is kept beside the files of one place would be among the files of another, where it could be changed.

    Within a folder that can only be read there may be others, the home among them.
    """
    places = [("the home", home, True), *((repr(share.name), share.home, share.writable) for share in shares)]
    for (inner, one, _), (outer, other, writable) in itertools.permutations(places, 2):
        if one.bucket != home.bucket:
            raise ValueError(
                f"{inner} is in the bucket {one.bucket!r}. Shared folders are in that of the home, {home.bucket!r}."
            )
        if writable and one.prefix.startswith(other.prefix):
            raise ValueError(
                f"{inner} (s3://{one.bucket}/{one.prefix}) is within {outer}, which can be written to. Keep them apart."
            )


@dataclass(frozen=True, slots=True)
class Mount:
    """The files below one S3 prefix: ``path`` is the API path where they are, "" for the home, "shared/flights" for a share.

    ``home``, ``history``, ``tree`` and ``trash`` know paths below the mount; the methods here take and give API paths.
    """

    path: str
    writable: bool
    home: paths.Home
    history: History
    tree: Tree
    trash: Trash

    @classmethod
    def of(cls, store: S3Store, home: paths.Home, path: str = "", writable: bool = True) -> Self:
        """The mount of a prefix of the store's bucket."""
        history = History(store, home)
        tree = Tree(store, home, history)
        return cls(path, writable, home, history, tree, Trash(store, home, tree))

    def within(self, path: str) -> str:
        """The path below the mount of an API path; "" for the mount itself."""
        return path.removeprefix(self.path).lstrip("/") if self.path else path

    def outside(self, within: str) -> str:
        """The API path of a path below the mount."""
        return paths.join(self.path, within) if within else self.path

    def key(self, path: str) -> str:
        """The key of the file at an API path."""
        return self.home.key(self.within(path))

    def folder(self, path: str) -> str:
        """The key prefix of the folder at an API path."""
        return self.home.folder(self.within(path))

    def path_of(self, key: str) -> str:
        """The API path of a file's or folder's key."""
        return self.outside(self.home.path(key))


@dataclass(frozen=True, slots=True)
class Mounts:
    """All that a server shows: ``shares`` by name, below the API path ``folder``. Without shares there is no such folder.

    A file or folder of that name at the top of the home is out of sight while there are shares.
    """

    home: Mount
    folder: str = ""
    shares: Mapping[str, Mount] = field(default_factory=dict)

    @classmethod
    def of(cls, store: S3Store, home: paths.Home, folder: str, shares: Iterable[Share]) -> Self:
        """The mounts of a home and shares; ValueError for a name that is taken twice, or that no folder can have."""
        found: dict[str, Mount] = {}
        check_name(folder)
        shares = list(shares)
        check_apart(home, shares)
        for share in shares:
            if share.name in found:
                raise ValueError(f"Two shared folders are called {share.name!r}.")
            found[share.name] = Mount.of(store, share.home, paths.join(folder, share.name), share.writable)
        return cls(Mount.of(store, home), folder, found)

    def __iter__(self) -> Iterator[Mount]:
        """The home first."""
        return iter((self.home, *self.shares.values()))

    def get(self, path: str) -> Mount | None:
        """The mount that a canonical path is in; None if it is in none: the folder of shares, or below it where there is no share."""
        top, _, rest = path.partition("/")
        if not self.shares or top != self.folder:
            return self.home
        return self.shares.get(rest.partition("/")[0])

    def at(self, path: str) -> Mount:
        """The mount that a canonical path is in; NotFoundError if it is in none, RejectedError for what is reserved there."""
        mount = self.get(path)
        if mount is None:
            raise NotFoundError(
                f"No file or folder can be at {path!r}: {self.folder!r} holds the folders that are shared with you, and nothing else. "
                "Open one of them, or ask the administrator for another."
            )
        paths.canonical(mount.within(path))
        return mount

    def to_change(self, path: str) -> Mount:
        """The mount of a canonical path that is to be made, written, renamed or deleted.

        Raises RejectedError for the folder of shares and the shares themselves, which are the administrator's, and RefusedError where
        files can only be read.
        """
        if self.is_point(path):
            raise RejectedError(
                f"{path!r} stays as it is: the administrator sets up shared folders. Work with the files in them."
            )
        mount = self.at(path)
        if not mount.writable:
            raise RefusedError(
                f"Nothing was changed: {mount.path!r} is shared with you for reading only. Save a copy among your own files, or ask the "
                "administrator for the right to write."
            )
        return mount

    def is_point(self, path: str) -> bool:
        """Whether a canonical path is the home, the folder of shares, or a share."""
        mount = self.get(path)
        return path == (self.folder if mount is None else mount.path)

    def is_writable(self, path: str) -> bool:
        """Whether something can be made in the folder, or the file be written, at a canonical path."""
        mount = self.get(path)
        return mount is not None and mount.writable

    def points(self, path: str) -> list[str]:
        """The paths directly in a folder that are there because of mounts: the folder of shares, or the shares."""
        if not self.shares or path not in ("", self.folder):
            return []
        return [mount.path for mount in self.shares.values()] if path else [self.folder]
