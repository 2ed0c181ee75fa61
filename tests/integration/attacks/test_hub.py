"""What a person's own token of the hub does beside their own server."""

from __future__ import annotations

import time
import urllib.error

import pytest

from .conftest import Attack, Report, Situation, assert_refused, carry_out

HUB = "http://FULLNAME-hub.RELEASE:8081/hub"
API = f"{HUB}/api"
PROXY = "http://FULLNAME-proxy-api.RELEASE:8001/api/routes"
BOBS = "http://BOBS_ADDRESS:8888/user/bob"

# The hub answers 404 for people whom the asking one may not know of.
ATTACKS = {
    "list everybody": Attack("GET", f"{API}/users", 403),
    "look at another": Attack("GET", f"{API}/users/bob", 404),
    "start another's server": Attack("POST", f"{API}/users/bob/server", 404, {}),
    "stop another's server": Attack("DELETE", f"{API}/users/bob/server", 404),
    "stop another's server and forget it": Attack("DELETE", f"{API}/users/bob/servers/", 404, {"remove": True}),
    "another's progress": Attack("GET", f"{API}/users/bob/server/progress", 404),
    "another's activity": Attack("POST", f"{API}/users/bob/activity", 404, {"servers": {}}),
    "list another's tokens": Attack("GET", f"{API}/users/bob/tokens", 404),
    "a token of another": Attack("POST", f"{API}/users/bob/tokens", 403, {}),
    "a token with all rights": Attack("POST", f"{API}/users/eve/tokens", 400, {"scopes": ["admin:users", "admin:servers"]}),
    "a token of an admin's role": Attack("POST", f"{API}/users/eve/tokens", 400, {"roles": ["admin"]}),
    "become an admin": Attack("PATCH", f"{API}/users/eve", 403, {"admin": True}),
    "become another": Attack("PATCH", f"{API}/users/eve", 403, {"name": "bob2"}),
    "make a user": Attack("POST", f"{API}/users/trent", 403),
    "remove a user": Attack("DELETE", f"{API}/users/bob", 403),
    "a group of one's own": Attack("POST", f"{API}/groups/admins", 403),
    "end the hub": Attack("POST", f"{API}/shutdown", 403, {"servers": True}),
    "read the proxy's table": Attack("GET", f"{API}/proxy", 403),
    "point the proxy elsewhere": Attack("PATCH", f"{API}/proxy", 403, {"ip": "10.0.0.1"}),
    "list the services": Attack("GET", f"{API}/services/administrator", 403),
    "another's share": Attack("GET", f"{API}/shares/bob", 404),
    "share another's server with oneself": Attack("POST", f"{API}/shares/bob/", 403, {"user": "eve"}),
    "share codes of another": Attack("POST", f"{API}/share-codes/bob/", 403, {}),
    "the administrators' page": Attack("GET", f"{HUB}/admin", 403),
    "the hub's metrics": Attack("GET", f"{HUB}/metrics", 403),
    "a named server that is not offered": Attack("POST", f"{API}/users/eve/servers/second", 400, {}),
    "the proxy's own API": Attack("GET", PROXY, 403),
    "a route of the proxy to oneself": Attack("POST", f"{PROXY}/user/bob", 403, {"target": "http://10.0.0.1:80"}),
    "no route to the hub": Attack("DELETE", f"{PROXY}/", 403),
    "another's files": Attack("GET", f"{BOBS}/api/contents", 403),
    "another's kernels": Attack("POST", f"{BOBS}/api/kernels", 403, {}),
    "another's terminal": Attack("POST", f"{BOBS}/api/terminals", 403, {}),
    "another's Spark sessions": Attack("GET", f"{BOBS}/spark-ui/api/sessions", 403),
    "another's past sessions": Attack("GET", f"{BOBS}/spark-ui/past/", 403),
    "another's page": Attack("GET", f"{BOBS}/lab", 403),
}  # fmt: skip


@pytest.fixture(scope="module")
def report(situation: Situation) -> Report:
    return carry_out(situation, ATTACKS)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_person_may_not(report: Report, name: str) -> None:
    assert_refused(report, ATTACKS, name)


def test_the_token_that_the_attacks_are_made_with_is_good(situation: Situation) -> None:
    own = {"herself": Attack("GET", f"{API}/users/eve", ""), "her tokens": Attack("GET", f"{API}/users/eve/tokens", "")}
    assert {name: result.status for name, result in situation.send(own).items()} == {"herself": 200, "her tokens": 200}


@pytest.mark.parametrize(
    "options",
    [
        {"image": "docker.io/library/alpine:3"},
        {"profile": "giant"},
        {"profile": "small", "image": "docker.io/library/alpine:3"},
        {"kubespawner_override": {"service_account": "default", "privileged": True}},
    ],
)
def test_options_that_were_not_offered_change_nothing_of_a_server(situation: Situation, options: object) -> None:
    hub, namespace = situation.hub, situation.eve.namespace.replace("eve", "mallory")
    path = f"/api/v1/namespaces/{namespace}/pods/notebook"
    try:
        hub.call("POST", "users/mallory/server", options)
        deadline = time.monotonic() + 60
        while (pod := situation.api.call("GET", path)).status == 404 and hub.call("GET", "users/mallory")["servers"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    except urllib.error.HTTPError as error:
        assert error.code in {400, 500}  # noqa: PT017 (a refusal is as good as a server without them)
        pod = situation.api.call("GET", path)
    if pod.allowed:
        [container] = pod.content["spec"]["containers"]
        assert container["image"] == situation.words["THE_IMAGE"]
        assert pod.content["spec"]["serviceAccountName"] == "notebook"
        assert not container["securityContext"].get("privileged")
    hub.stop("mallory")
