"""Kubernetes quantities ("500m", "2Gi", "1e3") and how people read them. Pure."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

_QUANTITY = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<suffix>[numkMGTPE]i?|)", re.ASCII)
_SMALL = {"": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_LARGE = ("k", "M", "G", "T", "P", "E")
_FACTORS = (
    _SMALL
    | {unit: Decimal(1000) ** power for power, unit in enumerate(_LARGE, 1)}
    | {f"{unit.upper()}i": Decimal(1024) ** power for power, unit in enumerate(_LARGE, 1)}
)


def parse(quantity: str | int | float) -> Decimal:
    """The number that a quantity stands for: "500m" is 0.5, "2Gi" is 2147483648.

    Raises:
        ValueError: not a quantity.
    """
    match = _QUANTITY.fullmatch(str(quantity).strip())
    factor = _FACTORS.get(match["suffix"]) if match else None
    if match is None or factor is None:
        raise ValueError(f"{quantity!r} is not a Kubernetes quantity")
    return Decimal(match["number"]) * factor


def is_bytes(resource: str) -> bool:
    """Whether a resource of a quota, such as "limits.memory", is counted in bytes."""
    return resource.rsplit(".", 1)[-1] in {"memory", "storage", "ephemeral-storage"}


def amount(resource: str, value: Decimal, *, up: bool = False) -> str:
    """An amount of a resource as people read it: "1.5 GiB", "2 cores", "4 pods"; bytes are rounded down, or `up`."""
    if is_bytes(resource):
        return _bytes(value, ROUND_CEILING if up else ROUND_DOWN)
    noun = {"pods": "pod", "count/pods": "pod"}.get(resource) or ("core" if resource.endswith("cpu") else "")
    number = _plain(value)
    if not noun:
        return f"{number} of {resource}"
    return f"{number} {noun}" if value == 1 else f"{number} {noun}s"


def _bytes(value: Decimal, rounding: str) -> str:
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB")):
        factor = Decimal(1024) ** power
        if value >= factor:
            return f"{_plain((value / factor).quantize(Decimal('0.01'), rounding))} {unit}"
    return f"{_plain(value)} bytes"


def _plain(value: Decimal) -> str:
    # normalize() alone would write 20 as 2E+1.
    return f"{value.quantize(Decimal('0.001'), ROUND_DOWN).normalize():f}"
