"""Fixtures for tests of the chart on a cluster."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.toolchain import binary

Kubectl = Callable[..., subprocess.CompletedProcess[str]]

NAMESPACE = "chart-test"


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """The cluster of SPARK_NOTEBOOKS_TEST_KUBECONFIG, else the tests' own node."""
    given = os.environ.get("SPARK_NOTEBOOKS_TEST_KUBECONFIG")
    if given is None:
        own: Path = request.getfixturevalue("node").kubeconfig
        return own
    if not Path(given).is_file():
        pytest.fail(
            f"SPARK_NOTEBOOKS_TEST_KUBECONFIG is {given!r}, and there is no such file: give an administrator's kubeconfig."
        )
    return Path(given)


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Kubectl:
    """Runs kubectl; a failure fails the test with kubectl's message."""

    def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [binary("kubectl"), "--kubeconfig", kubeconfig, *arguments]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stderr}"
        return result

    return run


@pytest.fixture(scope="module")
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace that enforces the Pod Security Standard `restricted` and warns of what it would refuse."""
    kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s")
    kubectl("create", "namespace", NAMESPACE)
    levels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    kubectl("label", "namespace", NAMESPACE, *levels)
    yield NAMESPACE
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
