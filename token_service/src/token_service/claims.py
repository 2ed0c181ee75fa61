"""What a token says of itself, which proves nothing: enough to refuse it without asking the API server, and to say clearly why."""

import base64
import binascii
import json
from typing import Any

from .errors import expired, invalid_token


def refuse_hopeless(token: str, audience: str, now: float) -> None:
    """Raises StsError for a token that no API server would take; now is in seconds since 1970.

    Returning is no proof of anything: whoever writes a token writes what is in it.
    """
    claims = _claims(token)
    ends, audiences = claims.get("exp"), claims.get("aud")
    if not isinstance(ends, int | float) or isinstance(ends, bool):
        raise invalid_token("The token does not say when it ends: it is no projected token of a service account.")
    if ends <= now:
        raise expired("The token has ended. Kubernetes writes a new one into its file in time: read the file again.")
    named = audiences if isinstance(audiences, list) else [audiences]
    if audience not in named:
        raise invalid_token(
            f"The token is for another audience than {audience}. Use the file that AWS_WEB_IDENTITY_TOKEN_FILE names."
        )


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    try:
        if len(parts) != 3 or not all(parts):
            raise ValueError
        payload = parts[1].encode("ascii")
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
        if not isinstance(claims, dict):
            raise TypeError
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise invalid_token("The token is no JSON web token.") from None
    return claims
