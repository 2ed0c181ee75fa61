"""Executors as a table, in text and in HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spark_session.control.scheduler import Registered
from spark_session.executor_pods import Pod, executor_of

_COLUMNS = ("id", "pod", "host", "state", "cores", "memory used", "running", "done", "failed")
_MIB = 2**20


@dataclass(frozen=True)
class Executor:
    """One executor.

    Args:
        id: Spark's number of it.
        pod: name of its pod.
        host: the node, or the address where the node is not known.
        state: "waiting" for a place, "starting", "running", "leaving", or "gone" with the reason.
        cores: tasks that it runs at once; 0 before it has reported.
        memory_used: bytes of cached data and of running tasks in its storage memory.
        running: tasks that run now.
        done: tasks that succeeded.
        failed: tasks that failed.
    """

    id: str
    pod: str
    host: str
    state: str
    cores: int = 0
    memory_used: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self.state.startswith("gone")

    def cells(self) -> tuple[str, ...]:
        """The row of a table."""
        memory = f"{self.memory_used / _MIB:.1f} MiB"
        numbers = (str(number) for number in (self.running, self.done, self.failed))
        return (self.id, self.pod, self.host, self.state, str(self.cores), memory, *numbers)


class Executors(list[Executor]):
    """A list of executors that shows itself as a table. `pandas.DataFrame(executors)` works."""

    def __repr__(self) -> str:
        rows = [_COLUMNS, *(executor.cells() for executor in self)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in executor.cells()) + "</tr>"
            for executor in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def merge(registered: Iterable[Registered], pods: Iterable[Pod], leaving: Iterable[str], prefix: str) -> Executors:
    """One row for each executor that the driver or Kubernetes knows, ordered by Spark's number.

    leaving: executors that were sent away; prefix: what the names of pods begin with.
    """
    by_id = {executor_of(pod): pod for pod in pods}
    gone_soon = set(leaving)
    rows = {}
    for one in registered:
        state = "leaving" if one.id in gone_soon else "running"
        if not one.active:
            state = f"gone: {one.reason}" if one.reason else "gone"
        elif one.id not in by_id:
            state = "gone"  # Spark has not noticed yet: nothing closed the connection of a pod whose node went
        pod = by_id.get(one.id, {})
        rows[one.id] = Executor(
            id=one.id,
            pod=_name(pod) or f"{prefix}-exec-{one.id}",
            host=pod.get("spec", {}).get("nodeName") or one.address.rpartition(":")[0],
            state=" ".join(state.split()),
            cores=one.cores,
            memory_used=one.memory,
            running=one.running,
            done=one.done,
            failed=one.failed,
        )
    for executor, pod in by_id.items():
        if executor not in rows:
            rows[executor] = Executor(executor, _name(pod), pod.get("spec", {}).get("nodeName", ""), _state(pod))
    return Executors(sorted(rows.values(), key=lambda row: int(row.id) if row.id.isdecimal() else 0))


def _name(pod: Mapping[str, Any]) -> str:
    return str(pod.get("metadata", {}).get("name", ""))


def _state(pod: Mapping[str, Any]) -> str:
    phase = pod.get("status", {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        return "gone"
    return "starting" if pod.get("spec", {}).get("nodeName") else "waiting"
