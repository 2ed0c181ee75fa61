"""Which sessions live, which processes have to end, which executors belong to nobody. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from spark_session.executor_pods import Pod, is_owned_by, session_of
from spark_session.records import Record

Lives = Callable[[int, int | None], bool]
"""Whether the process with this id and start time lives."""


@dataclass(frozen=True)
class Verdict:
    """What the records of this machine come to.

    Args:
        live: sessions whose kernel and JVM live, or that are starting.
        abandoned: records whose kernel is gone and whose JVM lives.
        over: sessions of which no process is left to look after their executors.
    """

    live: frozenset[str]
    abandoned: tuple[Record, ...]
    over: frozenset[str]


def judge(found: Iterable[Record], lives: Lives) -> Verdict:
    """Judge every record by whether its two processes live."""
    live, abandoned, over = set(), [], set()
    for record in found:
        kernel = lives(record.process, record.process_started)
        jvm = record.jvm is not None and lives(record.jvm, record.jvm_started)
        if kernel and (jvm or record.jvm is None):
            live.add(record.session_id)
        elif jvm:
            abandoned.append(record)
        else:
            over.add(record.session_id)
    return Verdict(frozenset(live), tuple(abandoned), frozenset(over))


def orphans(pods: Iterable[Pod], known: Collection[str], owner: str) -> frozenset[str]:
    """Sessions that have executors owned by the pod `owner`, and that nobody knows.

    The pods have to be older knowledge than the records, or a session that has just started would pass for one that nobody knows.
    """
    return frozenset(session_of(pod) for pod in pods if is_owned_by(pod, owner)) - frozenset(known)
