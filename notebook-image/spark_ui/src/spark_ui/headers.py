"""Which headers pass between the browser and Spark, and how they change on the way."""

from __future__ import annotations

from collections.abc import Iterable

from spark_ui.paths import Prefix, location

Header = tuple[str, str]

# RFC 9110, 7.6.1: they are about one connection, not about the message.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# The person's credentials for Jupyter are not for Spark, nor has Spark a say in what the browser sends to Jupyter.
_CREDENTIALS = {"authorization", "cookie", "set-cookie", "x-xsrftoken", "x-csrftoken"}
_FRAMING = {"content-security-policy", "x-frame-options"}


def _dropped(headers: list[Header]) -> set[str]:
    named = {
        word.strip().lower() for name, value in headers if name.lower() == "connection" for word in value.split(",")
    }
    return _HOP_BY_HOP | _CREDENTIALS | named


def to_spark(headers: Iterable[Header], prefix: Prefix, *, readable: bool) -> list[Header]:
    """The headers of a request for Spark.

    Args:
        headers: of the browser's request.
        prefix: Spark writes it in front of its links and redirects (UIUtils.uiRoot).
        readable: whether the answer must come uncompressed.
    """
    given = list(headers)
    dropped = _dropped(given) | {"host", "content-length"} | ({"accept-encoding"} if readable else set())
    kept = [
        (name, value)
        for name, value in given
        if name.lower() not in dropped and not name.lower().startswith("x-forwarded-")
    ]
    return [*kept, ("X-Forwarded-Context", str(prefix))]


def to_browser(headers: Iterable[Header], prefix: Prefix, origin: str) -> list[Header]:
    """The headers of Spark's answer for the browser.

    Args:
        headers: of the answer.
        prefix: of the request.
        origin: where Spark listens, "http://127.0.0.1:4040".
    """
    given = list(headers)
    dropped = _dropped(given) | _FRAMING
    kept = [
        (name, location(value, prefix, origin) if name.lower() == "location" else value)
        for name, value in given
        if name.lower() not in dropped
    ]
    policies = [value for name, value in given if name.lower() == "content-security-policy"]
    framed = prefix.key is not None
    return [
        *kept,
        ("Content-Security-Policy", content_security_policy(policies[0] if policies else "", framed=framed)),
        ("X-Frame-Options", "SAMEORIGIN" if framed else "DENY"),
    ]


def content_security_policy(policy: str, *, framed: bool) -> str:
    """Spark's own policy, with our say on who may show the page in a frame."""
    directives = [part.strip() for part in policy.split(";") if part.strip()]
    kept = [part for part in directives if not part.lower().startswith("frame-ancestors")]
    return "; ".join([*kept, "frame-ancestors 'self'" if framed else "frame-ancestors 'none'"])
