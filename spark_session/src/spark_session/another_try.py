"""How the script of a job asks for another try: by exit code 75, where what failed may go well another time.

`--retries` runs such a job again, and no other that has failed by itself (batch/manifest.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from types import TracebackType

from spark_session.environment import JOB_VARIABLE
from spark_session.errors import TryAgainError
from spark_session.reasons import Kind

TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h: the script was not run, or says itself that it may be run again."""

PASSING = frozenset({Kind.QUOTA, Kind.UNSCHEDULABLE, Kind.IMAGE, Kind.NODE, Kind.API})
"""What stands in the way of executors now, and may not in a while."""

# Spark's words where executors went faster than it could compute again what went with them.
_STORM = ("has failed the maximum allowable number of times", "ExecutorLostFailure")

_Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def is_passing(error: BaseException, ends: Collection[Kind]) -> bool:
    """Whether what a script failed with may go well another time.

    Args:
        error: the exception.
        ends: why executors of its session went. Those that used too much memory, or crashed, would do so again.
    """
    if isinstance(error, TryAgainError):
        return True
    return Kind.NODE in ends and PASSING.issuperset(ends) and any(words in str(error) for words in _STORM)


def exit_for_another_try(variables: Mapping[str, str], ends: Callable[[], Collection[Kind]]) -> None:
    """Let the script of a job end with TRY_AGAIN where nobody catches what is passing; anywhere else nothing changes.

    Args:
        variables: environment variables.
        ends: tells why executors went, at the end.
    """
    if variables.get(JOB_VARIABLE):
        # The script may have had another session before.
        before = sys.excepthook
        sys.excepthook = _Ends(before.before if isinstance(before, _Ends) else before, ends)


class _Ends:
    def __init__(self, before: _Hook, ends: Callable[[], Collection[Kind]]) -> None:
        self.before, self._ends = before, ends

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self.before(kind, error, trace)
        if is_passing(error, self._ends()):
            print(f"This may go well another time: exit code {TRY_AGAIN}.", file=sys.stderr)
            # Python ends with it where a hook raises it.
            raise SystemExit(TRY_AGAIN)
