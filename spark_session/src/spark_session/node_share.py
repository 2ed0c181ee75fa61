"""What one executor gets of a node that a known number of them share. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

# Spark's own minimum of the memory beside the heap (spark.executor.minMemoryOverhead).
LEAST_OVERHEAD_MIB = 384
MIB = 1024 * 1024
# Daemons must not cost each executor a task: one that lacks this much of a core still counts.
LACKING = Decimal("0.25")


@dataclass(frozen=True)
class Node:
    """The nodes of a profile.

    Args:
        cpu: cores that Kubernetes gives to pods there.
        memory: the same of memory, in bytes.
        executors: how many executors share one.
        reserved_cpu: cores that other pods have on each of these nodes, DaemonSets above all.
        reserved_memory: the same of memory, in bytes.
    """

    cpu: Decimal
    memory: Decimal
    executors: int = 1
    reserved_cpu: Decimal = Decimal(0)
    reserved_memory: Decimal = Decimal(0)


@dataclass(frozen=True)
class Share:
    """One executor.

    Args:
        cores: CPU set aside for it.
        tasks: that run in it at once.
        memory_mib: all of its memory, heap and overhead, in MiB.
        heap_mib: Java heap, in MiB.
    """

    cores: float
    tasks: int
    memory_mib: int
    heap_mib: int


def share(node: Node, overhead_factor: float) -> Share:
    """The largest executor of which as many fit on a node as should.

    Args:
        node: the node.
        overhead_factor: memory on top of the heap, as a share of it.

    Returns:
        The share. What is too small to be an executor is for the caller to refuse: it may be zero or less.
    """
    cores = ((node.cpu - node.reserved_cpu) / node.executors).quantize(Decimal("0.001"), ROUND_DOWN)
    memory = int((node.memory - node.reserved_memory) / node.executors / MIB)
    return Share(float(cores), max(1, int(cores + LACKING)), memory, _heap(memory, Decimal(str(overhead_factor))))


def _heap(memory: int, factor: Decimal) -> int:
    """The largest heap that leaves room for the overhead that Spark puts on top of it."""
    heap = int(memory / (1 + factor))
    # Spark rounds the overhead down, so that there may be room for one more.
    if heap + 1 + int(factor * (heap + 1)) <= memory:
        heap += 1
    return heap if int(factor * heap) >= LEAST_OVERHEAD_MIB else memory - LEAST_OVERHEAD_MIB
