"""Signature Version 4 of AWS: whether a request was signed with keys that were issued here."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from .errors import StsError, denied, expired

# As AWS: for clocks that differ.
SKEW_SECONDS: Final = 300

_HEADER: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([\w.@=+-]{1,128})/(\d{8})/([a-z0-9-]{1,64})/sts/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;_-]{1,1024}), ?Signature=([0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True)
class Signed:
    """What a request says of its signature, unproven."""

    access_key: str
    date: str
    region: str
    headers: tuple[str, ...]
    signature: str


def read_signature(authorization: str) -> Signed:
    """The parts of an Authorization header. Raises StsError where it is none of Signature Version 4."""
    match = _HEADER.fullmatch(authorization)
    if match is None:
        raise StsError("IncompleteSignature", "The request is not signed for STS (AWS Signature Version 4).", 403)
    return Signed(match[1], match[2], match[3], tuple(match[4].split(";")), match[5])


def prove(signed: Signed, secret_key: str, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Raises StsError unless a POST to `/` with these headers (names in lower case) was signed with the key, now."""
    stamp = headers.get("x-amz-date", "")
    try:
        moment = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise StsError("IncompleteSignature", "The request has no X-Amz-Date.", 403) from None
    if abs(moment - now) > SKEW_SECONDS:
        raise expired("The signature is older than five minutes, or the clocks differ.")
    if not {"host", "x-amz-date"} <= set(signed.headers) or not stamp.startswith(signed.date):
        raise StsError("IncompleteSignature", "The signature leaves out the host or the date.", 403)
    canonical = "\n".join(
        [
            "POST\n/\n",
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.headers),
            f"\n{';'.join(signed.headers)}",
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{signed.date}/{signed.region}/sts/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signed.signature):
        raise StsError("SignatureDoesNotMatch", "The signature was not made with the key's secret.", 403)


def unknown_key() -> StsError:
    """Keys of somebody else, or of a copy of this service that has been started again since."""
    return denied("These keys were not issued here, or have ended.")
