"""Placement profiles: on which nodes drivers and executors run, as the administrator offers them. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spark_session.errors import SparkSessionError, show
from spark_session.node_share import Node, Share, share
from spark_session.quantities import parse
from spark_session.sizes import SMALLEST_CORES, SMALLEST_HEAP_MIB, format_memory

EXECUTORS = "executors"
DRIVERS = "drivers"
ROLES = (EXECUTORS, DRIVERS)

SPOT_GRACE_SECONDS = 120
"""Between the notice that a node goes and its end, on the clouds with the longest notice; shorter ones cut it off by themselves."""


@dataclass(frozen=True)
class Profile:
    """A kind of node, by a name that people know.

    Args:
        name: what it is called.
        description: a sentence.
        roles: whom it is for: "executors", "drivers".
        node_selector: labels of the nodes.
        tolerations: of their taints, as in Kubernetes.
        layout: "spread" executors over nodes, "pack" them onto few, or None for neither.
        spot: whether its nodes may go at short notice.
        grace_seconds: what an executor has for its end; None for Spark's own time.
        max_executors: the most of one session; None for the administrator's general limit.
        node: size of the nodes; None where sizes are as without the profile.
    """

    name: str
    description: str = ""
    roles: tuple[str, ...] = ROLES
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    layout: str | None = None
    spot: bool = False
    grace_seconds: int | None = None
    max_executors: int | None = None
    node: Node | None = None

    def share(self, overhead_factor: float) -> Share | None:
        """The size of an executor; None where the profile has nothing to say about it.

        Args:
            overhead_factor: memory on top of the heap, as a share of it.

        Raises:
            SparkSessionError: its nodes are too small for so many.
        """
        if self.node is None:
            return None
        found = share(self.node, overhead_factor)
        if found.cores < SMALLEST_CORES or found.heap_mib < SMALLEST_HEAP_MIB:
            raise SparkSessionError(
                f'An executor of the profile "{self.name}" would be too small.',
                f"{self.node.executors} of them on one node leave each {found.cores:g} cores and {found.memory_mib} MiB, "
                f"and Spark needs a heap of {SMALLEST_HEAP_MIB} MiB.",
                "Name another profile, and tell your administrator (workspace.profiles in the chart's values).",
            )
        return found

    def rows(self) -> list[tuple[str, str]]:
        """Names and values of what is in pods by it and in no setting of Spark."""
        taints = ", ".join(taint(each) for each in self.tolerations)
        return [(name, text) for name, text in (("tolerations", taints), ("layout", self.layout or "")) if text]


def taint(toleration: Mapping[str, Any]) -> str:
    """What is tolerated, as `kubectl taint` writes it: "spot=true:NoSchedule"."""
    value = "" if toleration.get("operator") == "Exists" else f"={toleration.get('value', '')}"
    effect = f":{toleration['effect']}" if toleration.get("effect") else ""
    return f"{toleration.get('key', '')}{value}{effect}"


@dataclass(frozen=True)
class Offered:
    """The profiles that a person may use.

    Args:
        profiles: by their names.
        defaults: names of those that are used where none is named, by role.
    """

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)

    def choose(self, role: str, name: str | None, argument: str) -> Profile | None:
        """The profile of that name, or the default; None where nobody names one.

        Args:
            role: EXECUTORS or DRIVERS.
            name: what was asked for; None for nothing.
            argument: how the reader knows it, for the error message.

        Raises:
            SparkSessionError: there is none of that name, or it is not for that.
        """
        name = self.defaults.get(role) if name is None else name
        if name is None:
            return None
        found = self.profiles.get(name)
        if found is not None and role in found.roles:
            return found
        mine = [profile for profile in self.profiles.values() if role in profile.roles]
        if not mine:
            raise SparkSessionError(
                f"{argument}={show(name)} is not among your profiles.",
                f"Your administrator offers you none for {role}.",
                f"Leave {argument}= out.",
            )
        offer = "; ".join(f'"{profile.name}" ({profile.description.strip().rstrip(".")})' for profile in mine)
        raise SparkSessionError(
            f"{argument}={show(name)} is {'not among your profiles' if found is None else f'not for {role}'}.",
            f"Your administrator offers you for {role}: {offer}.",
            f'For example {argument}="{mine[0].name}".',
        )


def parse_profiles(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Profile]:
    """Profiles as the administrator's configuration has them. Keys that are not known are passed over: a newer chart may have more.

    Raises:
        SparkSessionError: something of one is not what it must be.
    """
    try:
        return {name: _profile(name, each) for name, each in given.items()}
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise SparkSessionError(
            "The profiles of your platform cannot be read.",
            f"{type(error).__name__}: {error}.",
            "Tell your administrator.",
        ) from error


def _profile(name: str, given: Mapping[str, Any]) -> Profile:
    spot = bool(given.get("spot", False))
    grace = given.get("termination_grace_period_seconds")
    return Profile(
        name=name,
        description=str(given.get("description", "")),
        roles=tuple(given.get("roles", ROLES)),
        node_selector={str(key): str(value) for key, value in given.get("node_selector", {}).items()},
        tolerations=tuple(dict(each) for each in given.get("tolerations", ())),
        layout=given.get("layout"),
        spot=spot,
        grace_seconds=SPOT_GRACE_SECONDS if grace is None and spot else grace,
        max_executors=given.get("max_executors"),
        node=None if given.get("node") is None else _node(given["node"]),
    )


def _node(given: Mapping[str, Any]) -> Node:
    reserved = given.get("reserved", {})
    return Node(
        cpu=parse(given["cpu"]),
        memory=parse(given["memory"]),
        executors=int(given.get("executors", 1)),
        reserved_cpu=parse(reserved.get("cpu", 0)),
        reserved_memory=parse(reserved.get("memory", 0)),
    )


_COLUMNS = ("profile", "for", "executor", "at most", "description")


class Profiles(list[Profile]):
    """A list of profiles that shows itself as a table.

    Args:
        offered: the profiles, and which are the defaults.
        overhead_factor: memory on top of the heap, as a share of it.
    """

    def __init__(self, offered: Offered, overhead_factor: float) -> None:
        super().__init__(offered.profiles.values())
        self._rows = [_cells(profile, offered.defaults, overhead_factor) for profile in self]

    def table(self) -> list[tuple[str, ...]]:
        """The rows, the first of them the headings."""
        return [_COLUMNS, *self._rows]

    def __repr__(self) -> str:
        if not self:
            return "Your administrator offers no profiles: Kubernetes chooses the nodes."
        rows = self.table()
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def _repr_html_(self) -> str:
        if not self:
            return f"<p>{html.escape(repr(self))}</p>"
        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_html_row, self._rows))}</tbody></table>"


def _html_row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _cells(profile: Profile, defaults: Mapping[str, str], overhead_factor: float) -> tuple[str, ...]:
    roles = ", ".join(f"{role} (default)" if defaults.get(role) == profile.name else role for role in profile.roles)
    try:
        size = profile.share(overhead_factor)
    except SparkSessionError:
        executor = "too small"
    else:
        executor = "" if size is None else f"{size.cores:g} cores, {format_memory(size.heap_mib)} heap"
    most = "" if profile.max_executors is None else str(profile.max_executors)
    return profile.name, roles, executor, most, profile.description
