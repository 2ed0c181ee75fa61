"""What every step gets to see."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from spark_session.defaults import SparkSessionDefaults, load_defaults
from spark_session.environment import Environment, detect
from spark_session.errors import SparkSessionError
from spark_session.node_share import Share
from spark_session.placement import EXECUTORS, Profile
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

    @classmethod
    def of_new_session(cls, request: Request) -> Self:
        """Of a session that this process starts, as its environment and configuration are now."""
        session_id = secrets.token_hex(4)
        return cls(
            environment=detect(os.environ, Path.home()),
            request=request,
            defaults=load_defaults(os.environ),
            session_id=session_id,
            scratch=Path(tempfile.gettempdir()) / f"spark-session-{session_id}",
        )

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
    def profile(self) -> Profile | None:
        """What decides on the nodes of executors; None where Kubernetes does.

        On a machine of one's own without profiles a name has no effect, as sizes have none.

        Raises:
            SparkSessionError: it is not among those that the person may use.
        """
        offered = self.defaults.offered
        if self.environment.workspace is None and not offered.profiles:
            return None
        return offered.choose(EXECUTORS, self.request.profile, "profile")

    @property
    def share(self) -> Share | None:
        """The size of an executor by its profile; None where that says nothing of it.

        Raises:
            SparkSessionError: as `profile`, or the profile leaves too little to an executor.
        """
        return None if self.profile is None else self.profile.share(self.defaults.executor_memory_overhead_factor)

    @property
    def _share_of_cores(self) -> Share | None:
        """The same, where the call names no cores."""
        return self.share if self.request.cores is None else None

    @property
    def max_executors(self) -> int | None:
        """The most executors of the session: the profile's limit, or else the general one; None for no limit."""
        particular = None if self.profile is None else self.profile.max_executors
        return self.defaults.max_executors if particular is None else particular

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
            most = self.max_executors
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
        if (share := self._share_of_cores) is not None:
            return share.cores
        return float(self.request.cores or self.defaults.executor_cores)

    @property
    def cpu_request(self) -> float:
        """CPU that Kubernetes sets aside for each executor, in cores."""
        if (share := self._share_of_cores) is not None:
            return share.cores
        return round(self.cores * self.defaults.executor_cpu_request, 3)

    @property
    def task_slots(self) -> int:
        """Tasks that run in an executor at once: whole cores, and at least one."""
        if (share := self._share_of_cores) is not None:
            return share.tasks
        return max(1, int(self.cores))

    @property
    def shares_cores(self) -> bool:
        """Whether less CPU is set aside for an executor than its tasks use, so that several may share a core."""
        return self._share_of_cores is None and self.cpu_request < self.task_slots

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
