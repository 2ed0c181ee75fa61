"""Sizes in the units people write: "4g", "512m", 0.5 cores."""

from __future__ import annotations

import math
import re

from spark_session.errors import SparkSessionError, show

MIB_PER_UNIT = {"m": 1, "g": 1024, "t": 1024 * 1024}
# Spark refuses a heap below 1.5 times the 300 MiB it reserves for itself (UnifiedMemoryManager).
SMALLEST_HEAP_MIB = 450
LARGEST_HEAP_MIB = 16 * MIB_PER_UNIT["t"]
SMALLEST_CORES = 0.01
LARGEST_CORES = 1024

_MEMORY = re.compile(r"(?P<number>\d{1,12}(?:\.\d{1,6})?)\s*(?P<unit>[mgt])i?b?", re.IGNORECASE | re.ASCII)
_MILLICORES = re.compile(r"(?P<number>\d{1,9})m", re.ASCII)


def parse_memory(value: object, name: str = "memory") -> int:
    """Parse a heap size.

    Args:
        value: a number and a unit, such as "512m", "4g", "1.5 GB" or "4Gi". Units are binary, as in the JVM: 1g = 1024m.
        name: how the reader knows this size, for the error message.

    Returns:
        The size in MiB.

    Raises:
        SparkSessionError: not a size, or outside 450m to 16t.
    """
    fix = f'Write a number and a unit, for example {name}="4g" or {name}="512m".'
    if not isinstance(value, str):
        raise SparkSessionError(
            f"{name}={show(value)} is not a size.", f"It is a {type(value).__name__}, and a size needs its unit.", fix
        )
    match = _MEMORY.fullmatch(value.strip())
    if match is None:
        raise SparkSessionError(
            f"{name}={show(value)} is not a size.", "It must be a positive number followed by m, g or t.", fix
        )
    mib = int(float(match["number"]) * MIB_PER_UNIT[match["unit"].lower()])
    if mib < SMALLEST_HEAP_MIB:
        raise SparkSessionError(
            f"{name}={show(value)} is too small.",
            f"Spark needs at least {SMALLEST_HEAP_MIB}m to start.",
            f'Ask for {name}="512m" or more.',
        )
    if mib > LARGEST_HEAP_MIB:
        raise SparkSessionError(
            f"{name}={show(value)} is too large.", f"The largest size is {format_memory(LARGEST_HEAP_MIB)}.", fix
        )
    return mib


def parse_cores(value: object, name: str = "cores") -> float:
    """Parse a number of CPU cores.

    Args:
        value: 2, 0.5, "2", "0.5" or, in thousandths of a core, "500m".
        name: how the reader knows this number, for the error message.

    Returns:
        Cores, rounded to a thousandth.

    Raises:
        SparkSessionError: not a number of cores, or outside 0.01 to 1024.
    """
    fix = f'Write a number, for example {name}=2, {name}=0.5 or {name}="500m".'
    cores = _cores(value)
    if cores is None or not math.isfinite(cores):
        raise SparkSessionError(
            f"{name}={show(value)} is not a number of cores.", "It must be a number greater than zero.", fix
        )
    if not SMALLEST_CORES <= cores <= LARGEST_CORES:
        raise SparkSessionError(
            f"{name}={show(value)} is out of range.",
            f"An executor has between {SMALLEST_CORES} and {LARGEST_CORES} cores.",
            fix,
        )
    return round(cores, 3)


def _cores(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (match := _MILLICORES.fullmatch(value.strip())):
        return int(match["number"]) / 1000
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def format_memory(mib: int) -> str:
    """Write MiB the way Spark reads it: 4096 -> "4g", 1536 -> "1536m"."""
    for unit in ("t", "g"):
        if mib >= MIB_PER_UNIT[unit] and mib % MIB_PER_UNIT[unit] == 0:
            return f"{mib // MIB_PER_UNIT[unit]}{unit}"
    return f"{mib}m"


def format_cores(cores: float) -> str:
    """Write cores the way Kubernetes reads them: 2.0 -> "2", 0.5 -> "500m"."""
    return str(int(cores)) if cores == int(cores) else f"{round(cores * 1000)}m"
