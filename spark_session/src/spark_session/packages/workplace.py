"""Folders of this process for what its sessions brought along, and the module search path."""

from __future__ import annotations

import atexit
import importlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from spark_session.processes import lives, start_time

_PREFIX = f"spark-session-packages-{os.getuid()}-"
_NAME = re.compile(re.escape(_PREFIX) + r"(?P<process>\d+)-(?P<started>\d+)")
_added: list[str] = []
"""What the running or the last session put on the search path."""


def folder() -> Path:
    """This process's private folder; made on first use, gone with the process.

    It outlives a session, because modules go on importing parts of themselves. What processes left behind that were killed is removed.
    """
    top = Path(tempfile.gettempdir())
    started = start_time(os.getpid())
    mine = top / f"{_PREFIX}{os.getpid()}-{started or 0}"
    if not mine.exists():
        for other in top.glob(f"{_PREFIX}*"):
            match = _NAME.fullmatch(other.name)
            # Without /proc nobody can tell who lives.
            if started is not None and match and not lives(int(match["process"]), int(match["started"])):
                shutil.rmtree(other, ignore_errors=True)
        mine.mkdir(mode=0o700)
        atexit.register(_remove, mine, os.getpid())
    return mine


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:  # and not a fork of it
        shutil.rmtree(path, ignore_errors=True)


def is_imported(name: str) -> bool:
    """Whether a module was imported from a file."""
    return getattr(sys.modules.get(name), "__file__", None) is not None


def is_loaded_from(name: str, folders: Iterable[Path]) -> bool:
    """Whether an imported module came from a file in one of these folders."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and any(Path(file).is_relative_to(folder) for folder in folders)


def activate(first: Iterable[Path], last: Iterable[Path], anew: str) -> None:
    """Put folders on the search path in place of those of the session before: some before everything else, some after it.

    Args:
        first: before everything else.
        last: after everything else.
        anew: name of folders whose modules are imported anew in every session.
    """
    old = [Path(path) for path in _added if Path(path).name == anew]
    for name in [name for name in sys.modules if is_loaded_from(name, old)]:
        del sys.modules[name]
    for path in _added:
        if path in sys.path:
            sys.path.remove(path)
    before, after = [str(path) for path in first], [str(path) for path in last]
    sys.path[:] = before + sys.path + after
    _added[:] = before + after
    importlib.invalidate_caches()
