"""Pages of our own, where Spark has none to show."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Notice:
    """What the reader should know: what happened, why, and what to do next; `reload` in seconds for a page that will change by itself."""

    what: str
    why: str
    fix: str
    reload: int | None = None


def render(notice: Notice) -> str:
    """The notice as a page. It needs no script and no other file."""
    refresh = "" if notice.reload is None else f'<meta http-equiv="refresh" content="{notice.reload}">'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">{refresh}
<title>{escape(notice.what)}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 15vh auto 0; padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }}
</style>
</head>
<body>
<h1>{escape(notice.what)}</h1>
<p>{escape(notice.why)}</p>
<p>{escape(notice.fix)}</p>
</body>
</html>
"""


_LIST = "The panel Spark sessions at the left of JupyterLab lists the sessions that are running, and the past ones."


def no_session(session_id: str) -> Notice:
    """For the UI of a session that is not there."""
    return Notice(
        "This Spark session is not running.",
        f"No session {session_id} is running on this server: it was stopped, or its kernel has ended.",
        f"{_LIST} get_spark_session() in a notebook starts a new one.",
    )


def no_ui(name: str) -> Notice:
    """For a session whose UI is off."""
    return Notice(
        f"The session {name} has no Spark UI.",
        "It was started with spark.ui.enabled=false.",
        "Stop it, leave that setting out of conf=, and call get_spark_session() again.",
    )


def no_answer(why: str) -> Notice:
    """For a Spark that does not answer."""
    return Notice(
        "Spark does not answer.",
        f"The process that serves this page runs, but the connection failed: {why}.",
        "It may be starting, stopping, or short of memory. Load this page again in a moment; if that does not help, restart the kernel.",
    )


def wrong_key() -> Notice:
    """For a frame whose key is of an earlier server."""
    return Notice(
        "This view has expired.",
        "The server has restarted since the view was opened.",
        f"Close it and open the session again. {_LIST}",
    )
