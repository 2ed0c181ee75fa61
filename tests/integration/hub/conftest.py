"""Workspaces on the real node, made with the rights that the chart gives the hub and no others."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from kubernetes_asyncio.client import ApiClient, Configuration

from cluster import Cluster
from tests.support.hub_account import Kubectl, Release, administrator, as_hub, installed
from tests.support.s3_server import s3_environment, s3_server

__all__ = ["s3_environment", "s3_server"]


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Kubectl:
    """As the administrator."""
    return administrator(kubeconfig)


@pytest.fixture(scope="session")
def release(kubectl: Kubectl, node: Cluster) -> Iterator[Release]:
    """An installation with the chart's defaults."""
    with installed(kubectl, node) as release:
        yield release


@pytest.fixture
async def configuration(kubeconfig: Path, release: Release) -> Configuration:
    """That of the hub of `release`."""
    return await as_hub(kubeconfig, release)


@pytest.fixture
async def client(configuration: Configuration) -> AsyncIterator[ApiClient]:
    """The hub's client of the Kubernetes API."""
    async with ApiClient(configuration) as client:
        yield client
