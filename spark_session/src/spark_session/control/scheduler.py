"""What the driver's JVM knows and does about executors: the few calls that PySpark has no face for."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spark_session.control.demand import Load, Work

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DRIVER = "driver"
FALLBACK = "fallback"
"""What Spark calls the storage on S3 in its list of executors."""

REASON = "the session needs fewer executors"


@dataclass(frozen=True)
class Registered:
    """An executor that has reported to the driver, now or earlier.

    Args:
        id: Spark's number.
        address: host and port, or IP address and port.
        active: whether it is still there.
        cores: tasks that it runs at once.
        memory: bytes of its storage memory in use.
        running: tasks that run.
        done: tasks that succeeded.
        failed: tasks that failed.
        given: tasks that it was ever given.
        reason: why it went; empty while it is there.
    """

    id: str
    address: str
    active: bool
    cores: int
    memory: int
    running: int
    done: int
    failed: int
    given: int
    reason: str


class Scheduler:
    """The scheduler of a running session."""

    def __init__(self, spark: SparkSession) -> None:
        self._context = spark.sparkContext
        self._jvm: Any = self._context._jvm
        self._mapper: Any = None

    @property
    def is_stopped(self) -> bool:
        """Whether the session was stopped."""
        return self._context._jsc is None

    def registered(self) -> list[Registered]:
        """Every executor that ever reported, in the order in which they came."""
        if self._mapper is None:
            self._mapper = self._jvm.org.apache.spark.status.api.v1.JacksonMessageWriter().mapper()
        # One call for all of them; the Spark UI, which has the same, may be off.
        text = self._mapper.writeValueAsString(self._sc().statusStore().executorList(False))
        found = [registered(entry) for entry in json.loads(text) if entry["id"] not in (DRIVER, FALLBACK)]
        return sorted(found, key=lambda one: int(one.id) if one.id.isdecimal() else 0)

    def load(self) -> Load:
        """What there is to do now."""
        tracker = self._context.statusTracker()
        waiting = running = 0
        for stage in tracker.getActiveStageIds():
            info = tracker.getStageInfo(stage)
            if info is not None:
                running += info.numActiveTasks
                waiting += max(0, info.numTasks - info.numActiveTasks - info.numCompletedTasks)
        works = (Work(one.id, one.running, one.given) for one in self.registered() if one.active)
        return Load(time.monotonic(), waiting, running, tuple(works))

    def request(self, total: int) -> None:
        """Ask for so many executors; those that are there stay."""
        self._sc().requestTotalExecutors(total, 0, self._jvm.PythonUtils.toScalaMap({}))

    def remove(self, executors: Sequence[str], gently: bool) -> None:
        """Send executors away without asking for others in their place.

        gently: they finish their tasks and hand on their blocks first. Otherwise their tasks run again elsewhere.
        """
        if not executors:
            return
        backend = self._sc().schedulerBackend()
        if gently:
            gateway = self._context._gateway
            assert gateway is not None
            pairs = gateway.new_array(self._jvm.scala.Tuple2, len(executors))
            nothing = self._jvm.scala.Option.empty()
            for index, executor in enumerate(executors):
                info = self._jvm.org.apache.spark.scheduler.ExecutorDecommissionInfo(REASON, nothing)
                pairs[index] = self._jvm.scala.Tuple2(executor, info)
            backend.decommissionExecutors(pairs, False, False)
        else:
            backend.killExecutors(self._jvm.PythonUtils.toSeq(list(executors)), False, False, True)

    def _sc(self) -> Any:
        jsc = self._context._jsc
        assert jsc is not None
        return jsc.sc()


def registered(entry: dict[str, Any]) -> Registered:
    """An executor as Spark's status API writes it."""
    return Registered(
        id=entry["id"],
        address=entry["hostPort"],
        active=entry["isActive"],
        cores=entry["totalCores"],
        memory=entry["memoryUsed"],
        running=entry["activeTasks"],
        done=entry["completedTasks"],
        failed=entry["failedTasks"],
        given=entry["totalTasks"],
        reason=entry.get("removeReason") or "",
    )
