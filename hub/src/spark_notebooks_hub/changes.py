"""What has changed in a workspace between two starts, in sentences for its person and for the hub's log."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from .admission import IMAGE, PRIORITY_CLASS
from .profiles import KEYS
from .workspace import SHARED_READ_ANNOTATION, SHARED_WRITE_ANNOTATION

_NONE: Final = "none"
_UNITS: Final = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_QUANTITY: Final = re.compile(rf"(\d+(?:\.\d+)?)({'|'.join(_UNITS)})", re.ASCII)
_FOLDERS: Final = {SHARED_WRITE_ANNOTATION: "read and write", SHARED_READ_ANNOTATION: "read"}


@dataclass(frozen=True)
class Stand:
    """A workspace as Kubernetes stores it: quota is `spec.hard`, limits are `spec.limits`, notes the namespace's annotations."""

    quota: Mapping[str, str] = field(default_factory=dict)
    limits: Sequence[Mapping[str, Any]] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


def changes(before: Stand, after: Stand) -> list[str]:
    """A sentence for each kind of thing that is not as it was; none where all is."""
    lines = {
        "your workspace's quota changed": _differences(before.quota, after.quota),
        "your workspace's limits changed": _differences(_flat(before.limits), _flat(after.limits)),
        "the priority class of your workspace changed": _differences(_priority(before), _priority(after)),
        "the profiles that you may use changed": _marks(_profiles(before), _profiles(after)),
        "your shared folders changed": _differences(_folders(before), _folders(after)),
    }
    return [f"{what}: {', '.join(found)}" for what, found in lines.items() if found]


def image_change(before: Mapping[str, str], after: Mapping[str, str], server: str) -> str | None:
    """That a server (its pod's name) runs another image than the last time; None where it does not, or ran never. Both are annotations of the namespace."""
    old, new = (notes.get(f"{IMAGE}/{server}") for notes in (before, after))
    return f"the image of your notebook changed: {old} -> {new}" if old and new and old != new else None


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """`pods 20 -> 40` for each name that is not as it was."""
    names = [*before, *(name for name in after if name not in before)]
    pairs = [(name, before.get(name, _NONE), after.get(name, _NONE)) for name in names]
    return [f"{name} {old} -> {new}".lstrip() for name, old, new in pairs if _amount(old) != _amount(new)]


def _amount(text: str) -> Decimal | str:
    """The number that a quantity stands for, as 2048Mi and 2Gi are one; another text is itself."""
    match = _QUANTITY.fullmatch(text)
    return Decimal(match[1]) * _UNITS[match[2]] if match else text


def _marks(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The same where values are not for people."""
    return [
        *(f"{name} is new" for name in after if name not in before),
        *(f"{name} is gone" for name in before if name not in after),
        *(f"{name} is another" for name in after if name in before and before[name] != after[name]),
    ]


def _flat(limits: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """{"Container max memory": "16Gi"}."""
    return {
        f"{limit.get('type')} {kind} {resource}": str(quantity)
        for limit in limits
        for kind, quantities in limit.items()
        if isinstance(quantities, Mapping)
        for resource, quantity in quantities.items()
    }


def _priority(stand: Stand) -> dict[str, str]:
    found = stand.notes.get(PRIORITY_CLASS)
    return {"": found} if found else {}


def _profiles(stand: Stand) -> dict[str, str]:
    return {
        f"{key.partition('/')[2]} (for {role})": words
        for role, prefix in KEYS.items()
        for key, words in stand.notes.items()
        if key.startswith(f"{prefix}/")
    }


def _folders(stand: Stand) -> dict[str, str]:
    return {prefix: access for key, access in _FOLDERS.items() for prefix in stand.notes.get(key, "").split()}
