"""How many executors a session should have by what there is to do. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

BACKLOG_SECONDS = 1.0
"""A backlog as short as this is worked off sooner than an executor starts."""


@dataclass(frozen=True)
class Work:
    """What one executor does.

    Args:
        id: Spark's number.
        active: tasks that run.
        seen: tasks that it was ever given; one more says that it worked since the last look, however short the task.
    """

    id: str
    active: int
    seen: int


@dataclass(frozen=True)
class Load:
    """What a session has to do at one moment.

    Args:
        now: seconds that only grow.
        waiting: tasks that no executor runs yet.
        running: tasks that run.
        executors: those that take tasks.
    """

    now: float
    waiting: int
    running: int
    executors: tuple[Work, ...]


@dataclass(frozen=True)
class Bounds:
    """What `adapt` was told.

    Args:
        least: executors that stay when there is nothing to do.
        most: executors at most.
        slots: tasks that an executor runs at once.
        idle_seconds: time without a task after which an executor goes.
    """

    least: int
    most: int
    slots: int
    idle_seconds: float


@dataclass(frozen=True)
class History:
    """What is remembered from one look to the next.

    Args:
        target: executors that were asked for.
        backlog_since: when tasks began to wait; None while none does.
        quiet_since: when tasks ceased to wait; None while some do.
        idle_since: when each executor was last seen at work.
        seen: tasks that each had been given by then.
    """

    target: int
    backlog_since: float | None = None
    quiet_since: float | None = None
    idle_since: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What is to be done now.

    Args:
        target: executors to ask for.
        remove: executors to send away.
        history: for the next look.
    """

    target: int
    remove: tuple[str, ...]
    history: History


def decide(load: Load, bounds: Bounds, history: History) -> Decision:
    """More executors at once when tasks wait, as many as the tasks need; fewer when some had nothing to do for a while."""
    idle_since = _idle_since(load, history)
    wanted = math.ceil((load.waiting + load.running) / bounds.slots)
    backlog_since = quiet_since = None
    if load.waiting:
        backlog_since = load.now if history.backlog_since is None else history.backlog_since
    else:
        quiet_since = load.now if history.quiet_since is None else history.quiet_since
    target = min(max(history.target, bounds.least), bounds.most)
    if backlog_since is not None and load.now - backlog_since >= BACKLOG_SECONDS:
        target = min(max(target, wanted), bounds.most)
    remove: tuple[str, ...] = ()
    if quiet_since is not None:
        here = len(load.executors)
        idle = sorted(
            (work.id for work in load.executors if load.now - idle_since[work.id] >= bounds.idle_seconds),
            key=lambda one: idle_since[one],
        )
        floor = max(bounds.least, wanted)
        remove = tuple(idle[: max(0, here - floor)])
        if remove or load.now - quiet_since >= bounds.idle_seconds:
            # What was asked for and has not come by now is not needed either.
            target = min(target, max(floor, here - len(remove)))
    surplus = here_over(load.executors, bounds.most, remove)
    kept = [work for work in load.executors if work.id not in {*remove, *surplus}]
    made = replace(
        history,
        target=target,
        backlog_since=backlog_since,
        quiet_since=quiet_since,
        idle_since={work.id: idle_since[work.id] for work in kept},
        seen={work.id: work.seen for work in kept},
    )
    return Decision(target, remove + surplus, made)


def here_over(executors: Iterable[Work], most: int, leaving: Iterable[str] = ()) -> tuple[str, ...]:
    """The executors to send away so that `most` stay: those with the least to do, the youngest first."""
    gone = set(leaving)
    staying = sorted(
        (work for work in executors if work.id not in gone), key=lambda work: (work.active, -_number(work.id))
    )
    return tuple(work.id for work in staying[: max(0, len(staying) - most)])


def _number(executor: str) -> int:
    return int(executor) if executor.isdecimal() else 0


def _idle_since(load: Load, history: History) -> dict[str, float]:
    found = {}
    for work in load.executors:
        worked = work.active > 0 or history.seen.get(work.id) != work.seen
        found[work.id] = load.now if worked else history.idle_since.get(work.id, load.now)
    return found
