"""What one executor takes: the pod that Spark will make, as far as a quota, a limit or a policy looks at it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spark_session.errors import SparkSessionError, show
from spark_session.node_share import LEAST_OVERHEAD_MIB, MIB
from spark_session.plan import Plan
from spark_session.quantities import amount, parse
from spark_session.settings import Settings, text_of


@dataclass(frozen=True)
class Shape:
    """Size of one executor.

    Args:
        cpu: CPU set aside for it, in cores.
        cpu_limit: the most it may use; None where nothing limits it.
        heap_mib: Java heap, MiB.
        memory_mib: all of its memory, heap and overhead, set aside and limit, MiB.
    """

    cpu: Decimal
    cpu_limit: Decimal | None
    heap_mib: int
    memory_mib: int

    @property
    def resources(self) -> dict[str, Decimal]:
        """What it takes of a quota, by the names that quotas use, in cores and bytes."""
        memory = Decimal(self.memory_mib * MIB)
        taken = {
            "pods": Decimal(1),
            "count/pods": Decimal(1),
            "requests.cpu": self.cpu,
            "cpu": self.cpu,
            "requests.memory": memory,
            "memory": memory,
            "limits.memory": memory,
        }
        return taken if self.cpu_limit is None else taken | {"limits.cpu": self.cpu_limit}

    def __str__(self) -> str:
        memory = amount("memory", Decimal(self.memory_mib * MIB))
        heap = amount("memory", Decimal(self.heap_mib * MIB))
        return f"{amount('cpu', self.cpu)} and {memory} of memory (heap {heap}, the rest for Python and the JVM)"


def shape(settings: Settings) -> Shape:
    """The size that Spark works out from its settings (BasicExecutorFeatureStep, ResourceProfile)."""
    heap = _mib(text_of(settings, "spark.executor.memory", "1g"))
    factor = Decimal(text_of(settings, "spark.executor.memoryOverheadFactor", "0.1"))
    least = _mib(text_of(settings, "spark.executor.minMemoryOverhead", f"{LEAST_OVERHEAD_MIB}m"))
    overhead = _mib(text_of(settings, "spark.executor.memoryOverhead", f"{max(int(factor * heap), least)}m"))
    python = _mib(text_of(settings, "spark.executor.pyspark.memory", "0"))
    off_heap = 0
    if text_of(settings, "spark.memory.offHeap.enabled", "false") == "true":
        off_heap = _mib(text_of(settings, "spark.memory.offHeap.size", "0"), bare="b")
    limit = text_of(settings, "spark.kubernetes.executor.limit.cores", "")
    cpu = text_of(settings, "spark.kubernetes.executor.request.cores", text_of(settings, "spark.executor.cores", "1"))
    return Shape(parse(cpu), parse(limit) if limit else None, heap, heap + overhead + python + off_heap)


def manifest(plan: Plan, owner: str) -> dict[str, Any]:
    """An executor pod as Spark would make it, without the environment and arguments that nobody checks.

    Args:
        plan: of the session.
        owner: UID of the notebook pod.
    """
    settings, context = plan.settings, plan.context
    text: dict[str, Any] = json.loads(plan.files[context.pod_template])
    size = shape(settings)
    memory = f"{size.memory_mib}Mi"
    limits = {"memory": memory} if size.cpu_limit is None else {"memory": memory, "cpu": str(size.cpu_limit)}
    [container] = text["spec"]["containers"]
    container |= {
        "name": container.get("name", "spark-kubernetes-executor"),
        "image": image(settings),
        "imagePullPolicy": settings["spark.kubernetes.container.image.pullPolicy"].text,
        "args": ["executor"],
        "resources": {"requests": {"cpu": str(size.cpu), "memory": memory}, "limits": limits},
    }
    metadata = text["metadata"]
    metadata["generateName"] = f"{settings['spark.kubernetes.executor.podNamePrefix'].text}-exec-"
    metadata["labels"] |= {"spark-role": "executor", "spark-exec-id": "0"} | _family(
        settings, "spark.kubernetes.executor.label."
    )
    if annotations := _family(settings, "spark.kubernetes.executor.annotation."):
        metadata["annotations"] = annotations
    metadata["ownerReferences"] = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": settings["spark.kubernetes.driver.pod.name"].text,
            "uid": owner,
            "controller": True,
        }
    ]
    spec = text["spec"]
    spec["serviceAccountName"] = settings["spark.kubernetes.authenticate.executor.serviceAccountName"].text
    spec["restartPolicy"] = "Never"
    if selector := _family(settings, "spark.kubernetes.node.selector.") | _family(
        settings, "spark.kubernetes.executor.node.selector."
    ):
        spec["nodeSelector"] = selector
    return text


def image(settings: Settings) -> str:
    """Image of the executors."""
    return text_of(
        settings, "spark.kubernetes.executor.container.image", settings["spark.kubernetes.container.image"].text
    )


def _family(settings: Settings, prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value.text for key, value in settings.items() if key.startswith(prefix)}


_SIZE = re.compile(r"(?P<number>\d+)(?P<unit>[bkmgtp]?)b?", re.ASCII)
_BYTES = {unit: 1024**power for power, unit in enumerate("bkmgtp")}


def _mib(text: str, bare: str = "m") -> int:
    """A size in Spark's notation; `bare` is the unit of a number without one.

    Raises:
        SparkSessionError: Spark would not read it either.
    """
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise SparkSessionError(
            f"{show(text)} is not a size.",
            "Spark reads a whole number and a unit: k, m, g or t.",
            'Write for example "512m" in conf.',
        )
    return int(match["number"]) * _BYTES[match["unit"] or bare] // MIB
