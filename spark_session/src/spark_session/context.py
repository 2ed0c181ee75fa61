"""What every step gets to see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from spark_session.defaults import SparkSessionDefaults
from spark_session.environment import Environment
from spark_session.errors import SparkSessionError
from spark_session.request import Request
from spark_session.settings import Source, Value

DYNAMIC_ALLOCATION = "spark.dynamicAllocation.enabled"
_LONGEST_SLUG = 30


@dataclass(frozen=True)
class Context:
    """The facts a session is planned from.

    Args:
        environment: where the code runs.
        request: what the call asks for.
        defaults: the administrator's configuration.
        session_id: 8 hexadecimal digits, new for each session.
        scratch: private folder of the session on this machine.
    """

    environment: Environment
    request: Request
    defaults: SparkSessionDefaults
    session_id: str
    scratch: Path

    @property
    def name(self) -> str:
        """Name of the session."""
        return self.request.name or self.environment.title

    @property
    def slug(self) -> str:
        """The name as Kubernetes accepts it in the name of a pod."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower())[:_LONGEST_SLUG].strip("-")
        return slug if slug[:1].isalpha() else f"spark-{slug}".strip("-")

    @property
    def executors(self) -> int:
        """Number of executors, at the start where it follows the work."""
        if self.bounds is None:
            return int(self.request.executors or self.defaults.executors)
        return self.request.executors or max(1, self.bounds[0])

    @property
    def most_executors(self) -> int:
        """Number of executors that the session can come to have by itself."""
        return self.executors if self.bounds is None else self.bounds[1]

    @property
    def dynamic_allocation(self) -> bool:
        """Whether Spark itself is to decide on the number of executors."""
        given = {**self.defaults.conf, **self.request.conf}.get(DYNAMIC_ALLOCATION, "false")
        return str(given).strip().lower() == "true"

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The least and the most executors, where their number follows the work.

        Raises:
            SparkSessionError: they leave no choice, or nothing says what the most is.
        """
        least, most = self.request.min_executors, self.request.max_executors
        if least is None and most is None and not self.dynamic_allocation:
            return None
        if most is None:
            most = self.defaults.max_executors
        if most is None:
            raise SparkSessionError(
                "max_executors is missing.",
                "Nothing says how many executors the session may have when there is much to do.",
                "For example get_spark_session(min_executors=1, max_executors=20).",
            )
        if least is None:
            least = 1
        start = self.request.executors
        if least > most or (start is not None and not least <= start <= most):
            raise SparkSessionError(
                f"min_executors={least}, max_executors={most}"
                + ("" if start is None else f" and executors={start}")
                + " do not fit.",
                "min_executors is the least, max_executors the most, and executors, where the session starts, is between them.",
                "For example get_spark_session(min_executors=1, max_executors=20).",
            )
        return least, most

    @property
    def cores(self) -> float:
        """Cores of each executor."""
        return float(self.request.cores or self.defaults.executor_cores)

    @property
    def task_slots(self) -> int:
        """Tasks that run in an executor at once: whole cores, and at least one."""
        return max(1, int(self.cores))

    @property
    def shares_cores(self) -> bool:
        """Whether less CPU is set aside for an executor than its tasks use, so that several may share a core."""
        return self.cores * self.defaults.executor_cpu_request < self.task_slots

    @property
    def pod_template(self) -> Path:
        """Where the executor pod template is written."""
        return self.scratch / "executor.json"

    def configured(self, trait: str, text: str) -> Value:
        """A value that the administrator's configuration or its default decided."""
        return Value(text, Source.ADMIN if self.defaults.is_configured(trait) else Source.DEFAULT)


def default(text: str) -> Value:
    """A value that is the same in every session."""
    return Value(text, Source.DEFAULT)


def detected(text: str) -> Value:
    """A value found in the environment."""
    return Value(text, Source.DETECTED)
