"""API paths of Jupyter ("folder/notebook.ipynb") and keys of S3 ("users/ada/folder/notebook.ipynb")."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Self

from s3_contents.errors import NotFoundError, RejectedError, S3Error

# Everything that is kept beside a person's files: checkpoints, the trash, records of renamings, and marks of those that have not ended. No API path leads into it.
RESERVED = ".s3_contents"
MAX_KEY_BYTES = 1024  # of UTF-8; https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Home:
    """The place on S3 that holds the files of one contents manager."""

    bucket: str
    prefix: str  # empty, or ends with "/"

    @classmethod
    def parse(cls, url: str) -> Self:
        """The home at ``s3://bucket`` or ``s3://bucket/prefix``; ValueError says what is wrong with the URL."""
        match = _URL.fullmatch(url)
        if match is None:
            raise ValueError(f"{url!r} is not an S3 address of the form s3://bucket/prefix.")
        prefix = (match["prefix"] or "").strip("/")
        try:
            canonical(prefix)
        except S3Error as error:
            raise ValueError(f"{url!r} has an unusable prefix: {error.log_message}") from error
        return cls(match["bucket"], f"{prefix}/" if prefix else "")

    def key(self, path: str) -> str:
        """The key of the file at a canonical path."""
        key = self.prefix + path
        length = len(key.encode())
        # One byte is left for the slash of a folder's marker.
        if length >= MAX_KEY_BYTES:
            raise RejectedError(f"The path {path[:60]!r}... is too long for S3: {length} bytes of {MAX_KEY_BYTES - 1}.")
        return key

    def folder(self, path: str) -> str:
        """The key prefix of the folder at a canonical path, which is also the key of its marker."""
        return f"{self.key(path)}/" if path else self.prefix

    def checkpoints(self, path: str) -> str:
        """The key prefix of the checkpoints of the file (or of all files in the folder) at a canonical path."""
        return self.folder(join(f"{RESERVED}/checkpoints", path).rstrip("/"))

    def renames(self, path: str) -> str:
        """The key prefix of the records of how the file or folder at a canonical path came to its name."""
        return self.folder(f"{RESERVED}/renames/{path}")

    def moving(self, path: str) -> str:
        """The key of the mark of a folder, at a canonical path, whose renaming has not ended."""
        return f"{self.movings(path)}@"

    def movings(self, path: str) -> str:
        """The key prefix of such marks of a folder at a canonical path, and of all folders in it."""
        return self.folder(f"{RESERVED}/moving/{path}")

    def trash(self, name: str = "") -> str:
        """The key prefix of all that was deleted, or of one thing that was."""
        return self.folder(f"{RESERVED}/trash/{name}".rstrip("/"))

    def cleared(self) -> str:
        """The key of the mark of when a place that several servers clear was cleared last, and how far."""
        return self.key(f"{RESERVED}/cleared")

    def probe(self, name: str) -> str:
        """The key of an object that tries out what the S3 server can do."""
        return self.key(f"{RESERVED}/probe/{name}")

    def path(self, key: str) -> str:
        """The API path of a file's or folder's key."""
        return key.removeprefix(self.prefix).removesuffix("/")


def canonical(path: str) -> str:
    """The path without leading and trailing slashes ("" is the home itself).

    Raises RejectedError for names that S3, a browser or a POSIX file system would change or refuse: keys are sent as
    they are shown, so that two names never mean one object. Raises NotFoundError for a path with "..", as Jupyter's
    own manager does: there is nothing outside the home.
    """
    path = path.strip("/")
    if not path:
        return ""
    names = path.split("/")
    if ".." in names:
        raise NotFoundError(f"There is no {path!r}: a path cannot lead upwards with '..'. Name the folder itself.")
    if "" in names or "." in names:
        raise RejectedError(f"The path {path!r} has an empty part or a '.', which S3 may drop. Remove it.")
    if _CONTROL.search(path):
        raise RejectedError(f"The path {path!r} has a control character, which cannot be kept on S3. Remove it.")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise RejectedError(f"The path {path!r} is not valid Unicode. Choose another name.") from None
    if names[0] == RESERVED:
        raise RejectedError(f"{RESERVED!r} is kept for checkpoints and history. Choose another name.")
    return path


def is_canonical(path: str) -> bool:
    """Whether a path found on S3 can be reached through the API."""
    try:
        return canonical(path) == path
    except S3Error:
        return False


def is_hidden(path: str) -> bool:
    """Whether the path, or a folder on the way to it, begins with a dot."""
    return any(name.startswith(".") for name in path.strip("/").split("/"))


def split(path: str) -> tuple[str, str]:
    """Folder ("" at the top) and name."""
    folder, _, name = path.rpartition("/")
    return folder, name


def join(folder: str, name: str) -> str:
    """The path of a name in a folder."""
    return f"{folder}/{name}" if folder else name


def stem(filename: str) -> tuple[str, str]:
    """Base and suffix between which Jupyter puts a number: ("data", ".tar.gz"), but ("a.b", ".ipynb")."""
    base, dot, extension = filename.rpartition(".")
    if extension != "ipynb":
        base, dot, extension = filename.partition(".")
    return base, dot + extension


def free_name(filename: str, taken: Container[str], insert: str = "") -> str:
    """The first of "name.ext", "name<insert>1.ext", "name<insert>2.ext", ... that is not taken."""
    base, suffix = stem(filename)
    numbers = itertools.count(1)
    name = filename
    while name in taken:
        name = f"{base}{insert}{next(numbers)}{suffix}"
    return name
