"""The client of the Kubernetes API and what follows pods, against a server in this process."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spark_session.follow import Changed, Follower, Listed, Unanswered
from spark_session.kube import Api, ApiError, ServiceAccount

from .api_server import Answer, Server


@pytest.fixture
def api(server: Server, account: Path) -> Iterator[Api]:
    made = Api(server.url, "user-ada", ServiceAccount(account))
    yield made
    made.close()


def pod(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def test_a_list(server: Server, api: Api) -> None:
    server.answer = lambda _, __: (200, [b'{"items": ', b"[1]}"])
    assert api.list("pods", labelSelector="a=b") == {"items": [1]}
    assert server.requests == [
        ("GET", "/api/v1/namespaces/user-ada/pods?labelSelector=a%3Db", "Bearer first token", b"")
    ]


def test_a_renewed_token_is_used(server: Server, api: Api, account: Path) -> None:
    api.get("pods", "notebook")
    (account / "token").write_text("second token")
    api.get("pods", "notebook")
    assert [token for _, _, token, _ in server.requests] == ["Bearer first token", "Bearer second token"]


def test_a_dry_run_keeps_nothing(server: Server, api: Api) -> None:
    api.dry_run("pods", {"kind": "Pod"})
    assert server.requests == [
        ("POST", "/api/v1/namespaces/user-ada/pods?dryRun=All", "Bearer first token", b'{"kind": "Pod"}')
    ]


def test_a_change_is_of_some_fields(server: Server, api: Api) -> None:
    server.answer = lambda _, __: (200, [b'{"kind": "CronJob"}'])
    assert api.patch("cronjobs", "a/b", {"spec": {"suspend": True}}) == {"kind": "CronJob"}
    assert server.requests == [
        ("PATCH", "/api/v1/namespaces/user-ada/cronjobs/a%2Fb", "Bearer first token", b'{"spec": {"suspend": true}}')
    ]
    assert server.content_types == ["application/merge-patch+json"]


def test_an_error_carries_kubernetes_own_words(server: Server, api: Api) -> None:
    server.answer = lambda _, __: (403, [b'{"reason": "Forbidden", "message": "exceeded quota"}'])
    with pytest.raises(ApiError) as caught:
        api.list("pods")
    assert (caught.value.status, caught.value.reason, caught.value.message) == (403, "Forbidden", "exceeded quota")


def test_an_error_of_something_between(server: Server, api: Api) -> None:
    server.answer = lambda _, __: (502, [b"<html>bad gateway"])
    with pytest.raises(ApiError, match="bad gateway"):
        api.list("pods")


def test_a_connection_that_was_closed_meanwhile_is_made_again(server: Server, api: Api) -> None:
    server.hang_up = True
    assert api.list("pods") == api.list("pods") == {}


def test_a_server_that_is_away(account: Path) -> None:
    with pytest.raises(OSError, match="refused"):
        Api("https://127.0.0.1:1", "user-ada", ServiceAccount(account)).list("pods")


def test_following_pods(server: Server, api: Api) -> None:
    """A list, a watch that ends, another from the last version; one whose version is too old, and so a list again."""
    watches = iter(
        [
            [{"type": "ADDED", "object": pod("b", 11)}, {"type": "BOOKMARK", "object": pod("", 15)}],
            [{"type": "DELETED", "object": pod("a", 16)}],
            [{"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}],
        ]
    )
    done = threading.Event()

    def answer(_: str, path: str) -> Answer:
        if "watch=1" not in path:
            items = {"metadata": {"resourceVersion": "10"}, "items": [pod("a", 5)]}
            return 200, [json.dumps(items).encode()]
        events = next(watches, None)
        if events is None:
            done.wait(10)
            return 200, []
        return 200, [json.dumps(event).encode() + b"\n" for event in events]

    server.answer = answer
    follower = Follower(api, "0123abcd")
    follower.start()
    events = [follower.events.get(timeout=10) for _ in range(4)]
    follower.end()
    done.set()
    assert events == [
        Listed([pod("a", 5)]),
        Changed(pod("b", 11), deleted=False),
        Changed(pod("a", 16), deleted=True),
        Listed([pod("a", 5)]),
    ]
    paths = [path for _, path, _, _ in server.requests]
    assert all("labelSelector=spark-notebooks.io%2Fsession%3D0123abcd" in path for path in paths)
    versions = [path.rsplit("resourceVersion=", 1)[1] for path in paths if "watch=1" in path]
    assert versions[:3] == ["10", "15", "16"]


def test_following_goes_on_when_the_api_is_back(server: Server, api: Api) -> None:
    answers = iter([(503, [b"{}"])])
    items = json.dumps({"metadata": {"resourceVersion": "10"}, "items": []}).encode()
    server.answer = lambda _, __: next(answers, (200, [items]))
    follower = Follower(api, "0123abcd")
    follower.start()
    assert isinstance(follower.events.get(timeout=10), Unanswered)
    assert follower.events.get(timeout=10) == Listed([])
    follower.end()


def test_nothing_is_told_after_the_end(server: Server, api: Api) -> None:
    follower = Follower(api, "0123abcd")
    follower.end()
    follower.start()
    with pytest.raises(queue.Empty):
        follower.events.get(timeout=0.2)
