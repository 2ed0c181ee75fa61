"""What a kernel of the notebook image loads at its start, as an extension of IPython."""

from __future__ import annotations

import threading
from contextlib import suppress


def load_ipython_extension(shell: object) -> None:
    """Make ready for a session in the background, so that the kernel itself starts no later."""
    threading.Thread(target=_prepare, name="spark-session-warming", daemon=True).start()


def _prepare() -> None:
    # Whatever is wrong here, the call of get_spark_session says so.
    with suppress(Exception):
        from spark_session import session

        session.prepare()
