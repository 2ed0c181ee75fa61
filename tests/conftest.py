"""Fixtures shared by every suite: the real node, started on first use. `dev/test` takes it down at the end."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from cluster import Cluster

# Tests assert behaviour, not times: a machine may be busy.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


class SideBySide(LoadScopeScheduling):
    """Which tests run one after the other where `pytest -n` runs them in several processes: those of a file, in the order that they have there.

    So a module's fixtures are made once. Some files share more than that: an installed platform, the node of `make run`, a node
    to start and stop, a namespace.
    """

    def _split_scope(self, nodeid: str) -> str:
        folder, _, file = nodeid.partition("::")[0].rpartition("/")
        if folder.endswith("/e2e"):
            return "make" if file.startswith("test_make") else "platform"
        is_one = folder.endswith(tuple(f"integration/{name}" for name in ("attacks", "chart", "cluster")))
        return folder if is_one else f"{folder}/{file}"


def pytest_configure() -> None:
    """Tests interrupt what they start. A test run in the background would hand down that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SideBySide:
    return SideBySide(config, log)


FIRST = (
    "tests/e2e/",
    *(f"tests/unit/{name}/" for name in ("lab_jobs", "s3_contents", "spark_session")),
    "tests/integration/spark_session/",
    "tests/integration/token_service/test_renewal.py",
)
LAST = tuple(f"tests/integration/s3_contents/{name}" for name in ("test_faults", "test_uploads", ""))


def turn(item: pytest.Item) -> int:
    """When a test's turn comes: what takes long or waits goes first, and many quick files fill the gaps in the end."""
    if item.nodeid.startswith(FIRST):
        return 0
    return next((number for number, name in enumerate(LAST, 2) if item.nodeid.startswith(name)), 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=turn)


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
