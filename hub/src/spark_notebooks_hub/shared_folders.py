"""Which folders are shared with a person, by what the administrator says of them and by the person's groups."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

from .errors import Failure

# What has a meaning to S3 policies (`*`, `?`, `$`) is not in it, and nothing that S3 or JupyterLab would change.
PREFIX: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
# Of S3 services, for the policy that the token service makes of all that a person has; and what is in it beside prefixes and the bucket's name, at most.
MOST_OF_POLICY: Final = 2048
REST_OF_POLICY: Final = 685
NAME: Final = re.compile(r"[^\x00-\x1f\x7f/.][^\x00-\x1f\x7f/]*")


@dataclass(frozen=True)
class SharedFolder:
    """One entry of the values: who has a folder, and whether they may write.

    Several may have one name, and then one prefix: for readers and for writers. prefix is one of the bucket, without a slash at its ends.
    """

    name: str
    prefix: str
    groups: Sequence[str] = ()
    users: Sequence[str] = ()
    everyone: bool = False
    writable: bool = False


@dataclass(frozen=True)
class Share:
    """A folder that one person has."""

    name: str
    prefix: str
    writable: bool


def shares_of(folders: Iterable[SharedFolder], user: str, groups: Iterable[str]) -> list[Share]:
    """The folders that a person has, in the order of the values; who is named as a reader and as a writer writes."""
    mine, found = set(groups), dict[str, Share]()
    for folder in folders:
        if folder.everyone or user in folder.users or not mine.isdisjoint(folder.groups):
            before = found.get(folder.name)
            writable = folder.writable or (before is not None and before.writable)
            found[folder.name] = Share(folder.name, folder.prefix, writable)
    return list(found.values())


def named_groups(folders: Iterable[SharedFolder]) -> set[str]:
    """All groups that folders are shared with."""
    return {group for folder in folders for group in folder.groups}


def settings(shares: Iterable[Share], bucket: str) -> list[dict[str, Any]]:
    """The same as s3_contents' S3ContentsManager.shares has them."""
    return [
        {"name": share.name, "url": f"s3://{bucket}/{share.prefix}", "writable": share.writable} for share in shares
    ]


def are_too_many(home: str, shares: Sequence[Share], bucket: str) -> bool:
    """Whether S3 services may refuse keys for a person's own prefix and these folders, because their policy would be too long.

    Each prefix is in it twice: in the name of what may be read, `"arn:aws-us-gov:s3:::<bucket>/<prefix>/*",`, and in that of what may be listed. The
    bucket itself is named twice more.
    """
    prefixes = [home, *(share.prefix for share in shares)]
    rest = REST_OF_POLICY + 2 * len(bucket)
    return rest + sum(2 * len(prefix) + len(bucket) + 34 for prefix in prefixes) > MOST_OF_POLICY


def too_many(shares: Sequence[Share]) -> Failure:
    """What a person reads who has so many."""
    return Failure(
        "shares",
        f"You have {len(shares)} shared folders, more than keys for the notebook storage can name. Ask your administrator to share fewer with you, or a "
        "folder above several of them, or to give them shorter prefixes (singleuser.sharedFolders).",
    )


def contradiction(folders: Sequence[SharedFolder], homes: str) -> str | None:
    """What is wrong with folders that each for itself are right; None if nothing is.

    homes is the prefix below which each person's own folder is. What is kept beside the files of a folder (trash, history) must not be among the files of
    another one that can be written to; in one that is only read it may be.
    """
    prefixes: dict[str, str] = {}
    for folder in folders:
        if prefixes.setdefault(folder.name, folder.prefix) != folder.prefix:
            return f"{folder.name!r} has two prefixes, {prefixes[folder.name]!r} and {folder.prefix!r}: give one of the two another name"
    homes = homes.strip("/")
    if folders and not homes:
        return "s3.prefix is empty, so that a shared folder could be somebody's own: set s3.prefix, users for example"
    writable = {folder.name for folder in folders if folder.writable}
    for name, prefix in prefixes.items():
        if prefix.startswith(f"{homes}/"):
            return f"{name!r} ({prefix}) is below s3.prefix ({homes}), where each person's own folder is: choose another prefix"
        if name in writable and f"{homes}/".startswith(f"{prefix}/"):
            return (
                f"{name!r} ({prefix}) holds each person's own folder, so nobody may write there: set its access to read"
            )
    for (outer, prefix), (inner, other) in permutations(prefixes.items(), 2):
        if outer in writable and f"{other}/".startswith(f"{prefix}/"):
            return f"{inner!r} ({other}) is within {outer!r} ({prefix}), where people write: keep them apart"
    return None
