"""A proxy that has restarted gets its routes back."""

from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.proxy import ConfigurableHTTPProxy
from spark_notebooks_hub.proxy import SeparateProxy

HUB_ROUTE = {"/": {"routespec": "/", "target": "http://hub", "data": {}}}


class Recorder:
    """Stands for the proxy's process and JupyterHub's own check."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.routes: dict[str, Any] = dict(HUB_ROUTE)
        self.checks: list[tuple[Any, Any, Any]] = []
        recorder = self

        async def get_all_routes(proxy: Any) -> dict[str, Any]:
            return recorder.routes

        async def check_routes(proxy: Any, users: Any, services: Any, routes: Any = None) -> None:
            recorder.checks.append((users, services, routes))

        monkeypatch.setattr(ConfigurableHTTPProxy, "get_all_routes", get_all_routes)
        monkeypatch.setattr(ConfigurableHTTPProxy, "check_routes", check_routes)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


@pytest.fixture
async def proxy(recorder: Recorder) -> SeparateProxy:
    app = SimpleNamespace(hub=SimpleNamespace(routespec="/"), users={"ada": 1}, _service_map={"culler": 2})
    return SeparateProxy(app=app, hub=None, auth_token="x", should_start=False)


async def test_a_healthy_proxy_is_left_alone(proxy: SeparateProxy, recorder: Recorder) -> None:
    await proxy._restore_lost_routes()
    assert recorder.checks == []


async def test_lost_routes_are_given_back(proxy: SeparateProxy, recorder: Recorder) -> None:
    recorder.routes = {}
    await proxy._restore_lost_routes()
    assert recorder.checks == [({"ada": 1}, {"culler": 2}, {})]


async def test_the_looks_begin_with_the_first_check_of_the_hub(proxy: SeparateProxy, recorder: Recorder) -> None:
    assert proxy._restart_check is None
    await proxy.check_routes({}, {})
    check = proxy._restart_check
    assert check is not None
    assert check.is_running()
    await proxy.check_routes({}, {})
    assert proxy._restart_check is check
    check.stop()
