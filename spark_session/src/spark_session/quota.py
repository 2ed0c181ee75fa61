"""Whether the executors that a call asks for fit into the workspace's quota and limits. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spark_session.errors import SparkSessionError
from spark_session.quantities import amount, parse
from spark_session.shape import Shape

# A quota may count some pods only: executors have no deadline and do reserve resources.
_OUR_SCOPES = {"NotTerminating", "NotBestEffort"}


@dataclass(frozen=True)
class Room:
    """What a resource of one quota leaves for executors, in cores, bytes or pieces.

    Args:
        resource: "pods", "limits.memory", ...
        hard: the quota.
        used: what everything in the workspace takes now.
        own: what the notebook itself takes.
        each: what one executor takes.
    """

    resource: str
    hard: Decimal
    used: Decimal
    own: Decimal
    each: Decimal

    @property
    def ever(self) -> int:
        """Executors that fit when the notebook is alone in the workspace."""
        return max(0, int((self.hard - self.own) / self.each))

    @property
    def now(self) -> int:
        """Executors that fit beside everything that is there."""
        return max(0, int((self.hard - self.used) / self.each))

    def sum(self, asked: int) -> str:
        """The arithmetic."""
        resource = self.resource
        noun = {"pods": "", "count/pods": ""}.get(resource, f" ({resource})")
        # Rounded up: what is just too much must not look like the quota itself.
        total = amount(resource, asked * self.each + self.own, up=True)
        return (
            f"{asked} x {amount(resource, self.each)} and {amount(resource, self.own)} for the notebook make {total}{noun}, and "
            f"your workspace may have {amount(resource, self.hard)}"
        )


def check(
    asked: int,
    size: Shape,
    quotas: Sequence[Mapping[str, Any]],
    limits: Sequence[Mapping[str, Any]],
    notebook: Mapping[str, Any],
) -> str | None:
    """Check what a call asks for.

    Args:
        asked: number of executors.
        size: of each.
        quotas: ResourceQuota objects of the workspace.
        limits: LimitRange objects of the workspace.
        notebook: Pod object of the notebook.

    Returns:
        None where all executors have room now; otherwise how many have, in a sentence.

    Raises:
        SparkSessionError: so many, or so large ones, can never run; with the arithmetic.
    """
    _check_limits(size, limits)
    rooms = list(_rooms(size, quotas, limits, notebook))
    if tight := [room for room in rooms if room.ever < asked]:
        raise _never(asked, size, min(tight, key=lambda room: room.ever))
    scarce = min(rooms, key=lambda room: room.now, default=None)
    if scarce is None or scarce.now >= asked:
        return None
    have = "None of them" if scarce.now == 0 else f"{scarce.now} of {asked}"
    used = amount(scarce.resource, scarce.used)
    return (
        f"{have} can start at once: {used} of your workspace's {amount(scarce.resource, scarce.hard)} are used"
        f"{'' if scarce.resource.endswith('pods') else f' ({scarce.resource})'}. The others start when there is room."
    )


def _never(asked: int, size: Shape, room: Room) -> SparkSessionError:
    most = room.ever
    fix = (
        f"Ask for executors={most} or fewer, or for smaller ones" if most else "Ask for smaller ones (memory=, cores=)"
    )
    if room.resource.endswith("pods"):
        fix = f"Ask for executors={most} or fewer" if most else "Nothing in your call can change that"
    return SparkSessionError(
        f"{asked} executor{'' if asked == 1 else 's'} can never run in your workspace.",
        f"{room.sum(asked)}. Each executor takes {size}.",
        f"{fix}; your administrator can give you a larger quota.",
    )


def _rooms(
    size: Shape, quotas: Sequence[Mapping[str, Any]], limits: Sequence[Mapping[str, Any]], notebook: Mapping[str, Any]
) -> Iterator[Room]:
    taken = _with_defaults(size, limits)
    own = pod_resources(notebook)
    for quota in quotas:
        spec, status = quota.get("spec", {}), quota.get("status", {})
        if not set(spec.get("scopes") or []) <= _OUR_SCOPES or spec.get("scopeSelector"):
            continue
        for resource, hard in (spec.get("hard") or {}).items():
            if each := taken.get(resource):
                used = parse((status.get("used") or {}).get(resource, 0))
                yield Room(resource, parse(hard), used, own.get(resource, Decimal(0)), each)


def pod_resources(pod: Mapping[str, Any]) -> dict[str, Decimal]:
    """What a pod takes of a quota, by the names that quotas use: of its containers together, or its largest init container."""
    spec = pod.get("spec", {})
    taken = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for kind in ("requests", "limits"):
        for resource in ("cpu", "memory"):
            together = sum((_stated(one, kind, resource) for one in spec.get("containers") or []), Decimal(0))
            largest = max(
                (_stated(one, kind, resource) for one in spec.get("initContainers") or []), default=Decimal(0)
            )
            taken[f"{kind}.{resource}"] = max(together, largest)
    return taken | {"cpu": taken["requests.cpu"], "memory": taken["requests.memory"]}


def _stated(container: Mapping[str, Any], kind: str, resource: str) -> Decimal:
    return parse((container.get("resources", {}).get(kind) or {}).get(resource, 0))


def _with_defaults(size: Shape, limits: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    taken = dict(size.resources)
    if "limits.cpu" not in taken and (given := _default(limits, "cpu")) is not None:
        taken["limits.cpu"] = given
    return taken


def _default(limits: Sequence[Mapping[str, Any]], resource: str) -> Decimal | None:
    for item in _items(limits):
        if item.get("type") == "Container" and resource in (item.get("default") or {}):
            return parse(item["default"][resource])
    return None


def _items(limits: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for limit in limits:
        yield from limit.get("spec", {}).get("limits") or []


def _check_limits(size: Shape, limits: Sequence[Mapping[str, Any]]) -> None:
    resources = _with_defaults(size, limits)
    asked = {"memory": resources["memory"], "cpu": resources.get("limits.cpu", size.cpu)}
    for item in _items(limits):
        if item.get("type") not in {"Container", "Pod"}:
            continue
        for resource, value in asked.items():
            most = (item.get("max") or {}).get(resource)
            if most is not None and value > parse(most):
                raise SparkSessionError(
                    "Executors of this size can never run in your workspace.",
                    f"Each takes {size}, and one {item['type'].lower()} may have {amount(resource, parse(most))} at most.",
                    "Ask for less memory=." if resource == "memory" else "Ask for fewer cores=.",
                )
