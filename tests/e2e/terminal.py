"""What somebody runs in a terminal of their instance, and the executors that it has."""

import json
import subprocess
from typing import Any

from dev.toolchain import binary
from tests.e2e.conftest import Running


class Terminal:
    """Of a person's running instance.

    Args:
        running: the platform.
        person: whose instance.
    """

    def __init__(self, running: Running, person: str) -> None:
        self._target = running.platform.target
        self._place = ("--namespace", f"user-{person}")

    def python(self, code: str) -> subprocess.Popen[str]:
        """Starts a script."""
        return subprocess.Popen(
            [
                *(str(binary("kubectl")), *self._target.kubectl_arguments, *self._place),
                *("exec", "notebook", "--", "python", "-c", code),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def touch(self, path: str) -> None:
        """Makes an empty file."""
        self._target.kubectl(*self._place, "exec", "notebook", "--", "touch", path)

    def pod(self) -> dict[str, Any]:
        """The pod of the instance."""
        found = self._target.kubectl(*self._place, "get", "pod", "notebook", "--output=json")
        pod: dict[str, Any] = json.loads(found.stdout)
        return pod

    def executors(self) -> list[str]:
        """The names of the executors' pods."""
        found = self._target.kubectl(*self._place, "get", "pods", "--selector=spark-role=executor", "--output=name")
        return found.stdout.split()
