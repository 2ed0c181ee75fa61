"""What has to be done so that a folder on the disk and one on S3 hold the same files; no network, no disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from s3_contents import paths

# Folders that are made anew by those who need them.
IGNORED = {"__pycache__", "node_modules"}


def is_mirrored(path: str) -> bool:
    """Whether a file is kept the same on both sides: no hidden one, and none that a path or a folder cannot name."""
    return not paths.is_hidden(path) and IGNORED.isdisjoint(path.split("/")) and paths.is_canonical(path)


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file on the disk: bytes, and nanoseconds since the epoch."""

    size: int
    time: int


@dataclass(frozen=True, slots=True)
class Synced:
    """A file as it was on both sides when they were last the same."""

    etag: str
    disk: OnDisk


class Step(Enum):
    """What to do with a file."""

    FETCH = auto()  # from S3, over the one on the disk if that has not changed
    SEND = auto()  # to S3, over the version that both had
    SEND_NEW = auto()  # to S3, where there is none
    REMOVE = auto()  # from the disk: it was deleted on S3, and has not changed here
    TRASH = auto()  # on S3: it was deleted on the disk, and has not changed there
    COMPARE = auto()  # both are there, and nothing tells that one is the other's successor
    FORGET = auto()  # gone on both sides


def plan(synced: Mapping[str, Synced], disk: Mapping[str, OnDisk], remote: Mapping[str, str]) -> dict[str, Step]:
    """The steps by file name.

    Args:
        synced: what both sides had.
        disk: what is on the disk.
        remote: ETags of what is on S3.

    A change wins over a deletion, on whichever side; changes on both sides are never decided here.
    """
    steps = ((name, _step(synced.get(name), disk.get(name), remote.get(name))) for name in {*synced, *disk, *remote})
    return {name: step for name, step in steps if step is not None}


def reading(steps: Mapping[str, Step]) -> dict[str, Step]:
    """The steps for a folder that can only be read: what is written on the disk stays there alone, what is deleted comes back."""
    return {
        path: Step.FETCH if step is Step.TRASH else step
        for path, step in steps.items()
        if step not in (Step.SEND, Step.SEND_NEW)
    }


def _step(synced: Synced | None, disk: OnDisk | None, remote: str | None) -> Step | None:
    changed_here = disk is not None and (synced is None or disk != synced.disk)
    changed_there = remote is not None and (synced is None or remote != synced.etag)
    match disk, remote:
        case None, None:
            return Step.FORGET
        case None, _:
            return Step.FETCH if changed_there else Step.TRASH
        case _, None:
            return Step.SEND_NEW if changed_here else Step.REMOVE
    if changed_here and changed_there:
        return Step.COMPARE
    if changed_here:
        return Step.SEND
    return Step.FETCH if changed_there else None


@dataclass(frozen=True, slots=True)
class Limits:
    """What is fetched at most: files of one folder, bytes of one file, bytes of all folders together."""

    files: int
    file_size: int
    total: int


def first(name: str, size: int) -> tuple[int, int, str]:
    """What files are sorted by: those beside the notebook go before those in folders, small ones before large ones."""
    return name.count("/"), size, name


def within(limits: Limits, sizes: Mapping[str, int], have: Mapping[str, int]) -> tuple[set[str], list[str]]:
    """Which files to hold, and which are too many or too large.

    Args:
        limits: what there may be.
        sizes: bytes of each file on S3, by its name below the folder.
        have: bytes of those that are on the disk already.
    """
    chosen, left, files, total = set(have), [], len(have), sum(have.values())
    for name in sorted(sizes.keys() - have.keys(), key=lambda name: first(name, sizes[name])):
        size = sizes[name]
        if size > limits.file_size or files >= limits.files or total + size > limits.total:
            left.append(name)
            continue
        chosen.add(name)
        files, total = files + 1, total + size
    return chosen, sorted(left)
