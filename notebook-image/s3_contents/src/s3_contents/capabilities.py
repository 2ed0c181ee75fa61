"""What an S3 server can do of that which the contents manager relies on, and what it means where something is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum


class Support(StrEnum):
    """Whether the server does what was asked for."""

    UNKNOWN = "unknown"  # nobody has looked yet
    YES = "yes"
    NO = "no"  # it does not know it, or says that it does and does not
    REFUSED = "refused"  # the keys of this server do not allow it


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one S3 server, bucket and key pair can do. What nobody has looked at is taken for there."""

    create: Support = Support.UNKNOWN  # PutObject obeys If-None-Match
    replace: Support = Support.UNKNOWN  # PutObject obeys If-Match
    multipart: Support = Support.UNKNOWN  # CompleteMultipartUpload obeys If-None-Match
    delete: Support = Support.UNKNOWN  # DeleteObject obeys If-Match
    copy: Support = Support.UNKNOWN  # CopyObject obeys x-amz-copy-source-if-match
    versions: Support = Support.UNKNOWN  # the bucket keeps versions
    list_versions: Support = Support.UNKNOWN  # ListObjectVersions answers

    @property
    def can_write(self) -> bool:
        """Whether files can be saved without the danger of overwriting what someone else has written."""
        return Support.NO not in (self.create, self.replace)

    @property
    def conditions(self) -> list[Support]:
        """Of the conditions of requests; whether the bucket keeps versions is no matter of the server."""
        return [self.create, self.replace, self.multipart, self.delete, self.copy]

    def line(self) -> str:
        """All of it in one line, for a log."""
        return ", ".join(f"{_NAMES[name]}: {support}" for name, support in asdict(self).items())

    def notes(self) -> list[str]:
        """What is missing and what follows from it, a sentence or two each; empty where all is there."""
        found: dict[str, Support] = asdict(self)
        missing = [name for name, support in found.items() if support in (Support.NO, Support.REFUSED)]
        return [_CONSEQUENCES[name, found[name]] for name in missing if (name, found[name]) in _CONSEQUENCES]

    def better(self, other: Capabilities) -> Capabilities:
        """What either of two looks has found to be there."""
        mine, theirs = asdict(self), asdict(other)
        return Capabilities(
            **{
                each.name: Support.YES if Support.YES in (mine[each.name], theirs[each.name]) else mine[each.name]
                for each in fields(Capabilities)
            }
        )


_NAMES: Mapping[str, str] = {
    "create": "PutObject with If-None-Match",
    "replace": "PutObject with If-Match",
    "multipart": "CompleteMultipartUpload with If-None-Match",
    "delete": "DeleteObject with If-Match",
    "copy": "CopyObject with a condition",
    "versions": "versions",
    "list_versions": "list of versions",
}
_UNSAFE = (
    "Nothing can be saved: this S3 server does not obey {} of PutObject, so that a save could overwrite what someone "
    "else has written. Use a server or a release of it that does."
)
_NO_RIGHT = "The keys may not write: nothing can be saved. Allow s3:PutObject on the prefix."
_CONSEQUENCES: Mapping[tuple[str, Support], str] = {
    ("create", Support.NO): _UNSAFE.format("If-None-Match"),
    ("create", Support.REFUSED): _NO_RIGHT,
    ("replace", Support.NO): _UNSAFE.format("If-Match"),
    ("multipart", Support.NO): (
        "Uploads, and renamings and copies of files above 8 MiB: the manager looks itself, just before it completes "
        "them, whether the file is as expected. Who writes the same file in that moment loses."
    ),
    (
        "multipart",
        Support.REFUSED,
    ): "Files above 8 MiB cannot be uploaded: allow s3:PutObject and s3:AbortMultipartUpload.",
    ("delete", Support.NO): (
        "Renaming a file: the manager looks itself, just before it deletes the old name, whether the file has changed."
    ),
    ("delete", Support.REFUSED): "Nothing can be deleted or renamed: allow s3:DeleteObject on the prefix.",
    ("copy", Support.NO): "Copies of files above 256 MiB are compared with their source once more before they count.",
    ("versions", Support.NO): (
        "The bucket keeps no versions: the history of a file has its checkpoints only, and what is "
        "overwritten or deleted is gone. Turn versioning on."
    ),
    (
        "list_versions",
        Support.NO,
    ): "There is no history: the server does not list versions. Checkpoints are shown instead.",
    ("list_versions", Support.REFUSED): (
        "There is no history: the keys may not list versions. Allow s3:ListBucketVersions and s3:GetObjectVersion."
    ),
}
