"""What a kernel of the notebook image loads at its start, as an extension of IPython."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Make ready for a session in the background, so that the kernel itself starts no later, and tell of files that are on S3 only."""
    threading.Thread(target=_prepare, name="spark-session-warming", daemon=True).start()
    start = Path.cwd()

    def show(
        shell: Any,
        kind: type[BaseException],
        error: FileNotFoundError,
        traceback: TracebackType,
        tb_offset: int | None = None,
    ) -> None:
        # Whatever is wrong here, the error itself is shown.
        with suppress(Exception):
            from spark_session.missing_files import hint

            if (told := hint(error, start, os.environ)) is not None:
                error.add_note(told)
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)

    shell.set_custom_exc((FileNotFoundError,), show)


def _prepare() -> None:
    # Whatever is wrong here, the call of get_spark_session says so.
    with suppress(Exception):
        from spark_session import session

        session.prepare()
