"""The driver JVM of this process: started, made ready ahead of its session, connected to PySpark."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spark_session.jvm import Installation, command, environment, find_installation

KNOWN_VERSION = "4.3."


class Launch:
    """A driver JVM that PySpark is not connected to yet.

    The JVM ends with this process, however that ends: it reads a pipe that is closed then.

    Args:
        installation: what is started.
        settings: Spark settings it is started with.
        variables: environment variables it is started with.
    """

    def __init__(self, installation: Installation, settings: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        self.variables = dict(variables)
        self._folder = Path(tempfile.mkdtemp(prefix="spark-session-jvm-"))
        self._connection = self._folder / "connection"
        self._process = subprocess.Popen(
            command(installation, settings),
            env=environment(installation, settings, variables, self._connection),
            stdin=subprocess.PIPE,
            # Ctrl-C and the interrupt of a kernel go to the group of the Python process: they are not for the JVM.
            process_group=0,
        )

    @property
    def has_ended(self) -> bool:
        """Whether the JVM has ended."""
        return self._process.poll() is not None

    def address(self) -> tuple[int, str]:
        """Wait until the JVM listens.

        Returns:
            Its port on this machine, and the secret that it wants to hear there.

        Raises:
            PySparkRuntimeError: it ended at once (JAVA_GATEWAY_EXITED); it has said why on the standard error.
        """
        from pyspark.errors import PySparkRuntimeError
        from pyspark.serializers import UTF8Deserializer, read_int

        while not self._connection.exists():
            if self.has_ended:
                raise PySparkRuntimeError(errorClass="JAVA_GATEWAY_EXITED", messageParameters={})
            time.sleep(0.01)
        with self._connection.open("rb") as file:
            return read_int(file), UTF8Deserializer().loads(file)

    def connect(self) -> None:
        """Wait until the JVM listens and make it the one of this process.

        Raises:
            PySparkRuntimeError: as of `address`.
        """
        try:
            from pyspark import SparkContext  # while the JVM starts

            gateway = _gateway(*self.address())
        except BaseException:
            self.end()
            raise
        shutil.rmtree(self._folder, ignore_errors=True)
        gateway.proc = self._process
        SparkContext._ensure_initialized(gateway=gateway)

    def end(self) -> None:
        """End the JVM."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def launch(settings: Mapping[str, str], variables: Mapping[str, str]) -> Launch | None:
    """Start a JVM; None where PySpark has to do it itself, as its installation is not known well enough.

    Args:
        settings: Spark settings of the first session.
        variables: environment variables.
    """
    installation = known_installation(variables)
    return None if installation is None else Launch(installation, with_memory(settings, variables), variables)


def known_installation(variables: Mapping[str, str]) -> Installation | None:
    """The installation of Spark; None where it is not known well enough to be started without its scripts."""
    home = spark_home(variables)
    return None if home is None else find_installation(variables, home)


def with_memory(settings: Mapping[str, str], variables: Mapping[str, str]) -> Mapping[str, str]:
    """The settings, with the heap that a variable of spark-submit's names where they name none."""
    memory = variables.get("SPARK_DRIVER_MEMORY")
    return settings if memory is None else {"spark.driver.memory": memory, **settings}


def spark_home(variables: Mapping[str, str]) -> Path | None:
    """SPARK_HOME of the PySpark that will be imported, found without importing it; None for one of a version that is not known."""
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        return None
    package = Path(found.origin).parent
    version = re.search(
        r"^__version__\b.*['\"](.+)['\"]", (package / "version.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    if version is None or not version[1].startswith(KNOWN_VERSION):
        return None
    return Path(variables.get("SPARK_HOME") or package)


def connected(settings: Mapping[str, str]) -> Any:
    """PySpark's view of this process's JVM, which PySpark starts here where `launch` left that to it.

    Raises:
        PySparkRuntimeError: the JVM ended at once (JAVA_GATEWAY_EXITED); it has said why on the standard error.
    """
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized(conf=SparkConf(loadDefaults=False).setAll(list(settings.items())))
    return SparkContext._jvm


def _gateway(port: int, secret: str) -> Any:
    from pyspark.java_gateway import launch_gateway

    with _variables(PYSPARK_GATEWAY_PORT=str(port), PYSPARK_GATEWAY_SECRET=secret):
        return launch_gateway()


@contextmanager
def _variables(**values: str) -> Iterator[None]:
    # Kept no longer than needed: another process of PySpark would take this JVM for its own.
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]
