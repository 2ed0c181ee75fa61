"""The policy of the keys that a workspace gets: its own prefixes and those shared with it, and nothing else of the bucket.

Prefixes are of an alphabet in which nothing has a meaning to policies (`*`, `?` and `$` have): others are refused, not escaped, because S3 services differ
in what they take for an escape. The hub makes prefixes of user names by a slug, so no name is refused by this.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# The limit of STS for session policies and of IAM for a user's inline policies.
MOST_CHARACTERS: Final = 2048

_PREFIX: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_READ_ACTIONS: Final = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectAttributes",
    "s3:GetObjectTagging",
)
_OBJECT_ACTIONS: Final = (
    *_READ_ACTIONS,
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
# Of the uploads of a bucket (s3:ListBucketMultipartUploads) no policy can allow a part.
_LISTING_ACTIONS: Final = ("s3:ListBucket", "s3:ListBucketVersions")
_BUCKET_ACTIONS: Final = ("s3:GetBucketLocation", "s3:GetBucketVersioning")


@dataclass(frozen=True)
class Access:
    """Prefixes of the bucket, without a slash at their ends: those that are read and written, the person's own first, and those that are only read."""

    prefixes: tuple[str, ...]
    readable: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.prefixes, *self.readable)


def checked_prefix(prefix: str, roots: Sequence[str]) -> str:
    """The same prefix. Raises ValueError where it is not below one of roots, or could mean more than itself to a policy."""
    _check(prefix)
    if not any(prefix.startswith(f"{root.strip('/')}/") for root in roots):
        raise ValueError(f"{prefix!r} is not below {' or '.join(roots)}")
    return prefix


def shared(written: Sequence[str], read: Sequence[str], shares: Mapping[str, str]) -> Access:
    """What a workspace gets of the folders that are shared.

    Args:
        written: prefixes that it is to write, by what the hub has said at its start.
        read: those that it is to read.
        shares: the most that anybody has of a prefix now, "write" or "read". What is not in it any more is left out: it ends access to a folder, and not
            that to everything.

    Raises ValueError where a prefix of shares could mean more than itself to a policy.
    """
    found = {prefix: shares[prefix] for prefix in (*read, *written) if prefix in shares}
    for prefix in found:
        _check(prefix)
    to_write = tuple(prefix for prefix, most in found.items() if prefix in written and most == "write")
    return Access(to_write, tuple(prefix for prefix in found if prefix not in to_write))


def session_policy(bucket: str, access: Access, partition: str = "aws") -> dict[str, Any]:
    """The policy document.

    Objects below a prefix, and listings that begin at its slash: a listing of "users/ada" would name "users/ada2" too. Raises ValueError where a name could
    widen it, or no prefix is given.
    """
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{bucket!r} is no name of a bucket")
    if not access.prefixes:
        raise ValueError("no prefix is given")
    for prefix in access.all:
        _check(prefix)
    arn = f"arn:{partition}:s3:::{bucket}"
    objects = [(_OBJECT_ACTIONS, access.prefixes), *([(_READ_ACTIONS, access.readable)] if access.readable else [])]
    return {
        "Version": "2012-10-17",
        "Statement": [
            *(
                {"Effect": "Allow", "Action": list(actions), "Resource": [f"{arn}/{each}/*" for each in prefixes]}
                for actions, prefixes in objects
            ),
            {
                "Effect": "Allow",
                "Action": list(_LISTING_ACTIONS),
                "Resource": [arn],
                "Condition": {"StringLike": {"s3:prefix": [f"{each}/*" for each in access.all]}},
            },
            {"Effect": "Allow", "Action": list(_BUCKET_ACTIONS), "Resource": [arn]},
        ],
    }


def checked(prefix: str) -> str:
    """The same prefix. Raises ValueError where it could mean more than itself to a policy."""
    _check(prefix)
    return prefix


def _check(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix!r} is not made of letters, digits, '.', '_' and '-' between slashes")


def policy_text(bucket: str, access: Access, partition: str = "aws") -> str:
    """The policy as it is sent. Raises ValueError also where S3 services would refuse it for its length."""
    text = json.dumps(session_policy(bucket, access, partition), separators=(",", ":"))
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"{len(access.all)} prefixes make a policy of {len(text)} characters, and S3 services take {MOST_CHARACTERS}"
        )
    return text
