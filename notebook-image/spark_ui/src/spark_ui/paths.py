"""The addresses below `<base_url>/spark-ui/`.

    api/sessions[/<session id>]     the sessions, for programs
    <session id>/...                the UI of a running session
    past/...                        the history server
    lab-<key>/<either>/...          the same, for a frame inside JupyterLab

Spark's pages look for the words `proxy` and `history` in their own address to find out how they are served (utils.js), so neither
word stands before them.

Servers of several people often share one origin. A page that may be framed by its own origin may then be framed, and read, by everyone's
pages. So only addresses with the key may be framed, and only who passes the server's own checks is told the key.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "spark-ui"
PAST = "past"
SESSION_ID = "[0-9a-f]{8}"
FRAME = "lab-"


@dataclass(frozen=True)
class Prefix:
    """What an address begins with, before the path that Spark knows.

    Args:
        base_url: where the Jupyter server is, with a slash at both ends.
        target: a session id, or PAST.
        key: the key of a frame; None in a tab of the browser.
    """

    base_url: str
    target: str
    key: str | None = None

    def __str__(self) -> str:
        frame = "" if self.key is None else f"{FRAME}{self.key}/"
        return f"{self.base_url}{ROOT}/{frame}{self.target}"


def route(base_url: str, target: str) -> str:
    """The pattern of a target's addresses; groups: the key or None, the target, the path for Spark or None."""
    return rf"{base_url}{ROOT}/(?:{FRAME}([^/]+)/)?({target})(/.*)?"


def upstream_path(uri: str, prefix: Prefix) -> str:
    """Path and query for Spark, still encoded as they came, of a request whose address begins with the prefix."""
    return uri.removeprefix(str(prefix)) or "/"


def location(value: str, prefix: Prefix, origin: str) -> str:
    """A redirect of Spark as the browser has to follow it.

    Args:
        value: the header; absolute, or a path.
        prefix: of the request.
        origin: where Spark listens, "http://127.0.0.1:4040".

    Returns:
        A path below the prefix; unchanged where it leads elsewhere.
    """
    path = value.removeprefix(origin)
    if not path.startswith("/") or path.startswith("//"):
        return value
    return path if f"{path}/".startswith(f"{prefix}/") else f"{prefix}{path}"
