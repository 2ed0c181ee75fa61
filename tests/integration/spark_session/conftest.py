from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.lab import jars
from dev.paths import REPOSITORY
from dev.s3_server import S3Server
from dev.toolchain import ensure_programs

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        server.create_bucket("notebooks")
        yield server


@pytest.fixture(scope="session")
def connector() -> Path:
    """The S3 connector's jars, on a machine with Java."""
    ensure_programs("java")
    return jars()


@pytest.fixture(scope="session")
def laptop(s3_server: S3Server, connector: Path) -> dict[str, str]:
    """The environment of a laptop but for its home folder: an S3 store in the usual AWS variables, and no Kubernetes."""
    inherited = {name: os.environ[name] for name in ("PATH", "JAVA_HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **inherited,
        **s3_server.environment(),
        "PYTHONPATH": str(REPOSITORY / "spark_session" / "src"),
        "SPARK_NOTEBOOKS_S3_HOME": "s3://notebooks/users/ada",
        "SPARK_SESSION_JARS": str(connector),
        # Sessions of tests are over before the second compiler has earned what it costs.
        "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",
    }


@pytest.fixture
def variables(laptop: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a laptop with a home folder of the test's own."""
    return {**laptop, "HOME": str(tmp_path)}


def run_script(code: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own: a process has one Spark session."""
    script = folder / "script.py"
    script.write_text(code)
    return subprocess.run(
        [sys.executable, str(script)],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture
def run(variables: dict[str, str], tmp_path: Path) -> Run:
    def run_code(code: str, environment: dict[str, str] = variables) -> subprocess.CompletedProcess[str]:
        return run_script(code, environment, tmp_path)

    return run_code
