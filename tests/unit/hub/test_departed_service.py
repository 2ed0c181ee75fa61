"""A look at the hub's users, page by page, and what is done after it. The hub's API and the cluster are played."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes_asyncio.client import ApiException
from spark_notebooks_hub import departed_service as module
from spark_notebooks_hub.departed_service import Look, Users
from spark_notebooks_hub.workspace import HubIdentity, Workspace, member_rules, namespace

HUB = HubIdentity("platform", "sn")
LONG_AGO = "2026-01-01T00:00:00+00:00"


class PlayedHub:
    """JupyterHub's list of users, two to a page whatever is asked; `listed` may leave out somebody who is there."""

    def __init__(self, *users: str) -> None:
        self.users, self.listed = list(users), list(users)
        self.failing = False
        self.app = web.Application()
        self.app.router.add_get("/hub/api/users", self._list)
        self.app.router.add_get("/hub/api/users/{name}", self._one)
        self.app.router.add_get("/hub/api/groups", self._groups)
        self.groups: dict[str, list[str]] = {}

    async def _list(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "token secret"
        if self.failing:
            raise web.HTTPServiceUnavailable
        offset = int(request.query["offset"])
        following = {"offset": offset + 2} if offset + 2 < len(self.listed) else None
        items = [{"name": name} for name in self.listed[offset : offset + 2]]
        return web.json_response({"items": items, "_pagination": {"next": following}})

    async def _groups(self, request: web.Request) -> web.Response:
        offset = int(request.query["offset"])
        following = {"offset": offset + 1} if offset + 1 < len(self.groups) else None
        items = [{"name": name, "users": users} for name, users in self.groups.items()][offset : offset + 1]
        return web.json_response({"items": items, "_pagination": {"next": following}})

    async def _one(self, request: web.Request) -> web.Response:
        if request.match_info["name"] not in self.users:
            raise web.HTTPNotFound
        return web.json_response({})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Workspaces of ada, and of eve, who has been unknown for long; `done` is what was asked of the cluster."""
    found = SimpleNamespace(items=[], done=[], refusing=None)
    for user in ("ada", "eve"):
        each = namespace(Workspace(user, f"user-{user}", HUB))
        each["metadata"]["uid"] = user
        found.items.append(each)
    found.items[1]["metadata"]["annotations"]["spark-notebooks.io/user-unknown-since"] = LONG_AGO

    async def call(client: Any, method: str, path: str, query: Any) -> Any:
        assert (method, path) == ("GET", "/api/v1/namespaces")
        assert query == [("labelSelector", f"spark-notebooks.io/hub={HUB.label}")]
        return {"items": found.items}

    async def apply(client: Any, manifest: Any, manager: str) -> None:
        found.done.append((manifest["metadata"]["name"], *manifest["metadata"]["annotations"]))

    async def depart(client: Any, workspace: Workspace, policy: str) -> bool:
        if found.refusing == workspace.user:
            raise ApiException(status=403)
        found.done.append((workspace.namespace, policy, workspace.pod_security))
        return True

    for name, played in (("call", call), ("apply", apply), ("depart", depart)):
        monkeypatch.setattr(module, name, played)
    return found


async def look(hub: PlayedHub) -> list[tuple[str, str]]:
    async with TestServer(hub.app) as server, aiohttp.ClientSession() as session:
        users = Users(f"{server.make_url('/hub/api')}", "secret")
        taken = Look(HUB, "baseline", "remove", timedelta(hours=23))
        done = await taken.take(None, session, users)  # type: ignore[arg-type]
    return [(decision.user, decision.action) for decision in done]


async def test_everybody_on_every_page_is_known(cluster: Any) -> None:
    assert await look(PlayedHub("a", "b", "c", "ada", "eve")) == [("eve", "unmark")]
    assert cluster.done == [("user-eve",)]


async def test_who_is_gone_is_marked_or_gone_for_long(cluster: Any) -> None:
    assert await look(PlayedHub("bob")) == [("ada", "mark"), ("eve", "remove")]
    assert cluster.done == [
        ("user-ada", "spark-notebooks.io/user-unknown-since"),
        ("user-eve", "remove", "baseline"),
    ]


async def test_nobody_is_removed_whom_a_list_has_left_out(cluster: Any) -> None:
    hub = PlayedHub("ada", "eve")
    hub.listed = ["ada"]
    assert await look(hub) == []
    assert cluster.done == []


async def test_a_hub_that_does_not_answer_costs_nobody_anything(cluster: Any) -> None:
    hub = PlayedHub("bob")
    hub.failing = True
    with pytest.raises(aiohttp.ClientError):
        await look(hub)
    assert cluster.done == []


async def test_one_that_cannot_be_removed_does_not_stop_the_others(cluster: Any) -> None:
    cluster.refusing = "eve"
    cluster.items.reverse()
    assert await look(PlayedHub("bob")) == [("ada", "mark")]


async def test_a_look_that_fails_is_taken_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, pauses = [ApiException(status=503), None, aiohttp.ClientConnectionError("refused")], []

    class Enough(Exception):  # noqa: N818 (it is the end)
        pass

    class PlayedLook:
        async def part(self, *_: Any) -> None:
            pass

        async def take(self, *_: Any) -> None:
            if not taken:
                raise Enough
            if (error := taken.pop(0)) is not None:
                raise error

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    with pytest.raises(Enough):
        await module.run(PlayedLook(), Users("http://hub", "secret"), 86400)  # type: ignore[arg-type]
    assert pauses == [300, 86400, 300]


async def test_members_who_have_left_their_groups_lose_the_shared_workspace(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[tuple[str, str, str]] = []

    async def leave(client: Any, workspace: Workspace) -> None:
        left.append((workspace.namespace, workspace.user, workspace.named("notebook")))

    monkeypatch.setattr(module, "leave", leave)
    place = Workspace("x", "user-group--flights", HUB, shared="Flights", shared_slug="group--flights")
    found = namespace(place)
    for user in ("ada", "bob", "eve"):
        notes = member_rules(replace(place, user=user))["metadata"]["annotations"]
        found["metadata"]["annotations"] |= notes
    cluster.items.append(found)
    hub = PlayedHub("ada", "bob", "eve")
    hub.groups = {"others": ["eve"], "pilots": ["ada"], "more": ["bob"]}
    async with TestServer(hub.app) as server, aiohttp.ClientSession() as session:
        users = Users(f"{server.make_url('/hub/api')}", "secret")
        look = Look(HUB, "baseline", "keep", timedelta(hours=23), {"Flights": ["pilots", "more"]})
        assert await look.part(None, session, users) == [("Flights", "eve")]  # type: ignore[arg-type]
        assert await look.take(None, session, users) == []  # type: ignore[arg-type]
    assert left == [("user-group--flights", "eve", "notebook-eve")]
