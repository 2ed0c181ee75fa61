"""The folders on the disk that are kept the same as on S3, and what was the same when last looked. Blocking: run it in a thread."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from s3_contents import paths
from s3_contents.sync_plan import OnDisk, Synced, is_mirrored

# Of the parts in which files go to S3.
PART = 8 * 2**20


@dataclass(slots=True)
class Scan:
    """What was found in a folder: its files, and paths that could not be looked at; not whole if there was more than asked for."""

    files: dict[str, OnDisk] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    is_whole: bool = True
    # The folder itself was not there.
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Disk:
    """Files at canonical API paths below ``root``; ``record`` is the file that remembers what was the same."""

    root: Path
    record: Path

    def scan(self, folder: str, without: Collection[str], most: int) -> Scan:
        """The regular files in a folder and below, but hidden ones and those in some folders; at most so many."""
        scan = Scan(is_missing=not self.path(folder).exists())
        for path, stat in self._walk(folder, without, scan.unreadable):
            if len(scan.files) >= most:
                scan.is_whole = False
                break
            scan.files[path] = OnDisk(stat.st_size, stat.st_mtime_ns)
        return scan

    def free(self) -> int:
        """Bytes that can still be written."""
        return shutil.disk_usage(self.root).free

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

    def read(self, name: str, first: int) -> bytes:
        """At most ``PART`` bytes of a file, from one on."""
        with self.path(name).open("rb") as file:
            file.seek(first)
            return file.read(PART)

    def part(self) -> Path:
        """Where a file is written before it takes its place."""
        self._parts.mkdir(parents=True, exist_ok=True)
        return self._parts / secrets.token_hex(8)

    def clear_parts(self) -> None:
        """Remove what a killed process has left half-written."""
        shutil.rmtree(self._parts, ignore_errors=True)

    @property
    def _parts(self) -> Path:
        return self.record.parent / "parts"

    def put(self, part: Path, name: str, expected: OnDisk | None) -> OnDisk | None:
        """Let what was written take its place unless that is not as expected any more; None then."""
        place = self.path(name)
        if self.look(name) != expected:
            part.unlink()
            return None
        place.parent.mkdir(parents=True, exist_ok=True)
        part.replace(place)
        return self.look(name)

    def remove(self, name: str, expected: OnDisk, keep: Collection[str]) -> None:
        """Remove a file unless it has changed, and folders that are empty after it, but for those to ``keep``: kernels are in them."""
        if self.look(name) != expected:
            return
        self.path(name).unlink()
        self.remove_empty(paths.split(name)[0], keep)

    def remove_empty(self, folder: str, keep: Collection[str]) -> None:
        """Remove a folder if it is empty, and those above that are empty then."""
        while folder and folder not in keep:
            try:
                self.path(folder).rmdir()
            except OSError:
                return
            folder = paths.split(folder)[0]

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
        """Whether this is the ETag of a file that was sent as a whole, or in parts of ``PART`` bytes.

        False also where it is no digest of the content, as with some kinds of encryption.
        """
        whole, parts = hashlib.md5(usedforsecurity=False), []
        with self.path(name).open("rb") as file:
            while chunk := file.read(PART):
                whole.update(chunk)
                parts.append(hashlib.md5(chunk, usedforsecurity=False).digest())
        of_parts = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
        return etag in (whole.hexdigest(), f"{of_parts}-{len(parts)}")

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

    def _walk(
        self, below: str, without: Collection[str], unreadable: list[str]
    ) -> Iterator[tuple[str, os.stat_result]]:
        try:
            with os.scandir(self.path(below)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            # What cannot be looked at is not taken for deleted.
            unreadable.append(below)
            return
        for entry in entries:
            path = paths.join(below, entry.name)
            if not is_mirrored(path):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    if path not in without:
                        yield from self._walk(path, without, unreadable)
                elif entry.is_file(follow_symlinks=False):
                    yield path, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError:
                unreadable.append(path)
