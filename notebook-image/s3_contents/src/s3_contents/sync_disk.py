"""The folders on the disk that are kept the same as on S3, and what was the same when last looked. Blocking: run it in a thread."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from s3_contents import paths
from s3_contents.sync_plan import OnDisk, Synced

# Folders that are made anew by those who need them.
IGNORED = {"__pycache__"}
_PART = ".part-"
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Disk:
    """Files at canonical API paths below ``root``; ``record`` is the file that remembers what was the same."""

    root: Path
    record: Path

    def scan(self, folder: str, without: Collection[str], most: int) -> dict[str, OnDisk]:
        """The regular files in a folder and below, but hidden ones and those in some folders; at most so many."""
        found: dict[str, OnDisk] = {}
        for path, stat in self._walk(folder, without):
            if len(found) >= most:
                break
            found[path] = OnDisk(stat.st_size, stat.st_mtime_ns)
        return found

    def look(self, name: str) -> OnDisk | None:
        """A file as it is now, or None."""
        try:
            stat = self.path(name).lstat()
        except OSError:
            return None
        return OnDisk(stat.st_size, stat.st_mtime_ns)

    def path(self, name: str) -> Path:
        """Where a file is."""
        return self.root / name

    def part(self, name: str) -> Path:
        """Where a file is written before it takes its place."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f"{_PART}{secrets.token_hex(4)}")

    def put(self, part: Path, name: str, expected: OnDisk | None) -> OnDisk | None:
        """Let what was written take its place unless that is not as expected any more; None then."""
        if self.look(name) != expected:
            part.unlink()
            return None
        part.replace(self.path(name))
        return self.look(name)

    def remove(self, name: str, expected: OnDisk) -> None:
        """Remove a file unless it has changed, and folders that are empty after it."""
        if self.look(name) == expected:
            self.path(name).unlink()
            for folder in self.path(name).parents:
                if folder == self.root:
                    return
                with suppress(OSError):
                    folder.rmdir()

    def keep_as_copy(self, name: str, time: datetime) -> str:
        """Give a file a name that tells that it is a person's version of a conflict; gives it."""
        folder, last = paths.split(name)
        base, suffix = paths.stem(last)
        begin = paths.join(folder, f"{base} (conflict {time:%Y-%m-%d %H.%M.%S}")
        copies = (f"{begin}{f' {number}' if number > 1 else ''}){suffix}" for number in itertools.count(1))
        copy = next(copy for copy in copies if not self.path(copy).exists())
        self.path(name).rename(self.path(copy))
        return copy

    def has_content(self, name: str, etag: str) -> bool:
        """Whether a file's MD5 is this ETag. That of a multipart upload is none: False."""
        digest = hashlib.md5(usedforsecurity=False)
        with self.path(name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest() == etag

    def recall(self) -> dict[str, Synced]:
        """What was the same, also before this process began."""
        try:
            found = json.loads(self.record.read_text())
            return {name: Synced(etag, OnDisk(size, time)) for name, (etag, size, time) in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def remember(self, synced: Mapping[str, Synced]) -> None:
        """Write down what is the same."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        part = self.record.with_suffix(".part")
        part.write_text(
            json.dumps({name: (each.etag, each.disk.size, each.disk.time) for name, each in synced.items()})
        )
        part.replace(self.record)

    def _walk(self, below: str, without: Collection[str]) -> Iterator[tuple[str, os.stat_result]]:
        try:
            entries = sorted(os.scandir(self.root / below), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            path = paths.join(below, entry.name)
            if entry.name.startswith(".") or entry.name in IGNORED or not paths.is_canonical(path):
                continue
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    if path not in without:
                        yield from self._walk(path, without)
                elif entry.is_file(follow_symlinks=False):
                    yield path, entry.stat(follow_symlinks=False)
