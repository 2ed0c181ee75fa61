"""A token service that answers on a port, its Kubernetes API, and a mint that only counts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from token_service.audit import Audit
from token_service.credentials import Credentials, StillGranted
from token_service.errors import StsError
from token_service.identity import Bounds, Grant
from token_service.kubernetes import KubernetesApi
from token_service.limits import Limit
from token_service.service import TokenService
from token_service.web import sts

from tests.unit.token_service.kubernetes import AUDIENCE, HUB, Kubernetes, kubernetes_api


@dataclass
class Clock:
    # SDKs sign with the time of this machine.
    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass
class CountingMint:
    """Keys of no store."""

    clock: Clock
    made: list[Grant] = field(default_factory=list)
    error: StsError | None = None

    async def make(self, grant: Grant) -> Credentials:
        if self.error:
            raise self.error
        self.made.append(grant)
        return Credentials(f"KEY{len(self.made)}", f"planted-secret-{len(self.made)}", "", self.clock() + 3600)

    async def clear(self, still_granted: StillGranted) -> int:
        return 0

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class Running:
    service: TokenService
    kubernetes: Kubernetes
    mint: CountingMint
    clock: Clock
    url: str


@pytest.fixture
async def kubernetes(tmp_path: Path) -> AsyncIterator[Kubernetes]:
    async with kubernetes_api(tmp_path) as api:
        yield api


@pytest.fixture
async def running(kubernetes: Kubernetes, tmp_path: Path) -> AsyncIterator[Running]:
    clock = Clock()
    mint, api = CountingMint(clock), KubernetesApi(kubernetes.url, tmp_path)
    service = TokenService(
        api=api,
        mint=mint,
        audience=AUDIENCE,
        hub=HUB,
        bounds=Bounds(["users", "groups"], workspaces=["teams/flights"]),
        by_peer=Limit(1000, 1000),
        by_pod=Limit(1, 50),
        audit=Audit(),
        clock=clock,
    )
    async with TestServer(sts(service)) as server:
        yield Running(service, kubernetes, mint, clock, str(server.make_url("")).rstrip("/"))
    await api.close()
