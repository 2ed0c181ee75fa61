"""Whether a process of this machine lives, safe against another one that got its number."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")
_STATE = 0
_START = 19
"""Fields of /proc/<pid>/stat after the program's name: proc(5) counts them as 3 and 22."""


def start_time(process: int, proc: Path = PROC) -> int | None:
    """When a process started, in clock ticks since the machine did; None where there is no such process, or it is a zombie.

    With the process id this names one process for as long as the machine runs.
    """
    try:
        text = (proc / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name is in parentheses, and may hold spaces and parentheses itself.
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE] in "ZX" else int(fields[_START])


def lives(process: int, started: int | None, proc: Path = PROC) -> bool:
    """Whether the process lives; started is its start time, None where nobody noted it."""
    now = start_time(process, proc)
    return now is not None and started in (None, now)
