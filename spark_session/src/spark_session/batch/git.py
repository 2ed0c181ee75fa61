"""The git commit that a script is of, where there is one."""

from __future__ import annotations

import subprocess
from pathlib import Path

PATIENCE = 5.0
"""Seconds; a job is not to wait for a folder that answers slowly."""

CHANGED = " with changes"


def commit_of(path: Path) -> str | None:
    """The commit that the folder of a file is at, with a word where the file is not as it is there; None where there is none.

    Args:
        path: of the file; it need not exist.
    """
    commit = _git(path.parent, "rev-parse", "--verify", "HEAD")
    if not commit or not path.is_file():
        return None
    changes = _git(path.parent, "status", "--porcelain", "--ignored", "--", path.name)
    return f"{commit}{CHANGED}" if changes or changes is None else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()
