"""Looks at the records, ends processes, deletes executors."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from spark_session.executor_pods import ExecutorPods
from spark_session.processes import lives
from spark_session.records import Record

from session_keeper.judge import judge, orphans
from spark_session import records

SETTLING_SECONDS = 20.0
"""For so long after the end of a session its executors are looked for at every look: its JVM may have asked for one more, which a busy API server
makes when the JVM is gone and all others are deleted."""


@dataclass
class Keeper:
    """One look at a time; call `look` again and again.

    Args:
        folder: where the records are.
        pods: the workspace's executor pods; None outside of a workspace.
        owner: uid of this pod.
        grace: seconds that a JVM without a kernel has to end before it is killed.
        look_every: seconds after which executors are looked at though nothing has ended.
        log: where it says what it does.
        clock: seconds that only grow.
    """

    folder: Path
    pods: ExecutorPods | None
    owner: str
    grace: float
    look_every: float
    log: logging.Logger
    clock: Callable[[], float] = time.monotonic
    _known: frozenset[str] = frozenset()
    _told_to_end: dict[str, float] = field(default_factory=dict)
    _look_at: float = 0.0
    _settled_at: float = 0.0

    def look(self) -> None:
        """Look once, and do what is to be done. Raises OSError where the Kubernetes API does not answer: look again."""
        verdict = judge(records.read(self.folder), lives)
        for record in verdict.abandoned:
            self._end(record)
        ended = self._known - verdict.live
        self._known = verdict.live
        if ended or verdict.over:
            self._look_at = 0.0
            self._settled_at = self.clock() + SETTLING_SECONDS
        for session_id in verdict.over:
            self.log.warning("The processes of the Spark session %s are gone: its executors are deleted", session_id)
            if self.pods is not None:
                self.pods.delete_session(session_id)
            records.remove(self.folder, session_id)
            self._told_to_end.pop(session_id, None)
        if self.clock() >= self._look_at:
            found = self._delete_orphans()
            if not found and self.clock() >= self._settled_at:
                self._look_at = self.clock() + self.look_every

    def _delete_orphans(self) -> bool:
        if self.pods is None:
            return False
        found = self.pods.list()
        verdict = judge(records.read(self.folder), lives)
        kept = verdict.live | {record.session_id for record in verdict.abandoned}
        nobodys = orphans(found, kept, self.owner)
        for session_id in nobodys:
            self.log.info("Executors of the Spark session %s, which has ended, are deleted", session_id)
            self.pods.delete_session(session_id)
        return bool(nobodys)

    def _end(self, record: Record) -> None:
        if record.jvm is None:
            return
        now = self.clock()
        asked = self._told_to_end.setdefault(record.session_id, now)
        if asked == now:
            self.log.warning("The kernel of the Spark session %s is gone: its JVM is told to end", record.session_id)
            _signal(record.jvm, signal.SIGTERM)
        elif now - asked >= self.grace:
            _signal(record.jvm, signal.SIGKILL)


def _signal(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)
