"""What every step gets to see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from spark_session.defaults import SparkSessionDefaults
from spark_session.environment import Environment
from spark_session.request import Request
from spark_session.settings import Source, Value

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
        """Number of executors."""
        return int(self.request.executors or self.defaults.executors)

    @property
    def cores(self) -> float:
        """Cores of each executor."""
        return float(self.request.cores or self.defaults.executor_cores)

    @property
    def task_slots(self) -> int:
        """Tasks that run in an executor at once: whole cores, and at least one."""
        return max(1, int(self.cores))

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
