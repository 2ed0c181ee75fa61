"""Fixtures shared by every suite: the real node, started on first use. `dev/test` takes it down at the end."""

import os
from pathlib import Path

import pytest

from cluster import Cluster


@pytest.fixture(scope="session")
def node() -> Cluster:
    """The tests' Kubernetes node, running."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test"))
    node.up()
    return node


@pytest.fixture(scope="session")
def kubeconfig(node: Cluster) -> Path:
    """An administrator's kubeconfig for the node."""
    return node.kubeconfig


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots and logs of a run are kept."""
    folder = Path(__file__).parent.parent / ".test" / "artifacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
