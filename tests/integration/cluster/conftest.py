"""Instances of the tests' own, an image for their pods, and what an instance may not leave behind."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from cluster import Cluster
from dev.image_builder import Build, Builder, environment
from dev.toolchain import binary, ensure_programs
from tests.support.node_watch import Watch


@pytest.fixture(scope="session")
def watch() -> Iterator[Watch]:
    """An instance to start and stop, running; it is deleted in the end."""
    cluster = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test") + "-life")
    cluster.delete()
    watch = Watch(cluster)
    try:
        cluster.up(durable=False)
        yield watch
    finally:
        cluster.delete()


@pytest.fixture
def cluster(watch: Watch) -> Cluster:
    """The instance to start and stop, running again if a test has ended it."""
    watch.cluster.up(durable=False)
    return watch.cluster


@pytest.fixture(scope="session")
def push(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cluster], str]:
    """Builds a small image (busybox) with its own storage, pushes it to a cluster's registry and gives its name there."""
    ensure_programs("buildah", "/usr/lib/podman/netavark")
    context, storage = tmp_path_factory.mktemp("image"), tmp_path_factory.mktemp("storage")
    shutil.copy(binary("busybox"), context / "busybox")
    lines = ["FROM scratch", "COPY busybox /bin/busybox", "ENV PATH=/bin", "USER 1000"]
    lines.insert(2, 'RUN ["/bin/busybox", "--install", "-s", "/bin"]')
    (context / "Dockerfile").write_text("\n".join(lines))
    builder = Builder("buildah", (f"--root={storage}/root", f"--runroot={storage}/run", "--storage-driver=vfs"))
    subprocess.run(builder.build(Build(context, "Dockerfile", "localhost/busybox")), check=True, env=environment())

    def do(cluster: Cluster) -> str:
        name = f"{cluster.registry}/tests/busybox:1"
        for command in builder.push("localhost/busybox", name):
            subprocess.run(command, check=True, env=environment())
        return name

    return do
