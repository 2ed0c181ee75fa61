"""Two people on a platform of their own, eve and bob: what eve tries from her notebook, and whether anything has changed after it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster
from dev import images
from dev.platform import Accounts, Platform, evaluation_values
from dev.target import of_node
from tests.support.accounts import ApiServer
from tests.support.notebook_pod import QUICK, Notebook

NAME = "attacks"
PREFIX = "attacked-"
PORT = 30085
AUDIENCE = f"{NAME}-spark-notebooks-tokens.{NAME}"
AGENT = "attacker"
# The second is of a group that eve is not in.
PROFILES = {
    "spot": {"description": "For all.", "nodeSelector": {"pool": "spot"}, "tolerations": [{"key": "spot"}]},
    "gpu": {
        "description": "For some.",
        "allowedGroups": ["staff"],
        "nodeSelector": {"accelerator": "a100"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
    },
}
SENDER = Path(__file__).with_name("sender.py").read_text(encoding="utf-8")

# A shared workspace, of members who are in nobody's way until test_members.py makes them.
TEAM = f"{PREFIX}group--team"
WATCHED = (NAME, TEAM, *(f"{PREFIX}{user}" for user in ("eve", "bob", "mallory")), "kube-system")

CORE = "/api/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
KEPT = (
    *(f"{CORE}/{kind}" for kind in ("namespaces", "secrets", "serviceaccounts", "resourcequotas", "limitranges")),
    *(f"{CORE}/{kind}" for kind in ("configmaps", "pods", "services", "persistentvolumeclaims", "nodes")),
    *(f"{RBAC}/{kind}" for kind in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")),
    *(f"{REGISTRATION}/validatingadmissionpolic{end}" for end in ("ies", "ybindings")),
    *(f"{REGISTRATION}/{kind}webhookconfigurations" for kind in ("mutating", "validating")),
    *("/apis/apps/v1/deployments", "/apis/apps/v1/daemonsets", "/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs"),
)


ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Attack:
    """One request, and what the refusal says.

    Args:
        path: of the Kubernetes API; or a whole URL, asked with the person's token of the hub. Words in capitals are replaced (`Situation.words`).
        refusal: a part of the answer's text; a number is the HTTP status.
    """

    method: str
    path: str
    refusal: str | int
    body: Any = None
    content_type: str = "application/json"


@dataclass(frozen=True)
class Result:
    """HTTP status, 0 where nobody answered, and the text."""

    status: int
    text: str


@dataclass(frozen=True)
class Situation:
    """The platform, the notebooks of both, eve's token of the hub, and secrets of the values by what they are."""

    api: ApiServer
    hub: Hub
    eve: Notebook
    bob: Notebook
    words: Mapping[str, str]
    planted: Mapping[str, str] = field(repr=False)

    def send(self, attacks: Mapping[str, Attack]) -> dict[str, Result]:
        """Sends all requests from eve's notebook, in one process."""
        text = json.dumps([asdict(attack) for attack in attacks.values()])
        for word, value in self.words.items():
            text = text.replace(word, value)
        done = self.eve.run(f"ATTACKS, TOKEN, AGENT = {text!r}, {self.words['EVES_TOKEN']!r}, {AGENT!r}\n{SENDER}")
        assert done.returncode == 0, done.stderr
        answers = (Result(status, _message(text)) for status, text in json.loads(done.stdout))
        return dict(zip(attacks, answers, strict=True))

    def kept(self) -> dict[str, str]:
        """What must not change, as a hash of each object without what Kubernetes itself writes into it all the time.

        Other tests use the cluster at the same time: of what is theirs only that counts which the attacker wrote. Pods that have ended
        do not count: whoever they belong to clears them away when it comes to that.
        """
        found = {}
        for path in KEPT:
            for item in self.api.call("GET", path).content["items"]:
                metadata = item["metadata"]
                if not _concerns(path, metadata) or item.get("status", {}).get("phase") in ENDED:
                    continue
                fixed = {
                    key: metadata.get(key)
                    for key in ("labels", "annotations", "ownerReferences", "finalizers", "deletionTimestamp")
                }
                content = {key: item.get(key) for key in ("spec", "data", "rules", "subjects", "roleRef", "webhooks")}
                text = json.dumps([fixed, content], sort_keys=True)
                name = f"{path}/{metadata.get('namespace', '')}/{metadata['name']}"
                found[name] = hashlib.sha256(text.encode()).hexdigest()
        return found


def _concerns(path: str, metadata: Mapping[str, Any]) -> bool:
    if any(entry.get("manager") == AGENT for entry in metadata.get("managedFields", [])):
        return True
    place = metadata.get("namespace") or (metadata["name"] if path.endswith("/namespaces") else None)
    if place is None:
        return path.endswith("/nodes") or metadata["name"].startswith((NAME, "system:", "cluster-admin"))
    return place in WATCHED


@dataclass(frozen=True)
class Report:
    """What came of a table of attacks."""

    results: Mapping[str, Result]
    changed: Sequence[str]


def assert_refused(report: Report, attacks: Mapping[str, Attack], name: str) -> None:
    """The attack was refused for its own reason, and none of the table has changed anything."""
    result, refusal = report.results[name], attacks[name].refusal
    assert result.status == 0 or result.status >= 400, result
    if isinstance(refusal, int):
        assert result.status in {0, refusal}, result
    else:
        assert refusal in result.text, result
    assert report.changed == []


def carry_out(situation: Situation, attacks: Mapping[str, Attack]) -> Report:
    """Sends a table of attacks, and looks before and after."""
    before = situation.kept()
    results = situation.send(attacks)
    after = situation.kept()
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return Report(results, changed)


@dataclass(frozen=True)
class Hub:
    """The hub's REST API, asked as its administrator."""

    url: str
    token: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(f"{self.url}/hub/api/{path}", method=method)
        request.add_header("Authorization", f"token {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            text = response.read()
        return json.loads(text) if text else None

    def start(self, user: str) -> None:
        self.call("POST", f"users/{user}/server")

    def stop(self, user: str) -> None:
        """Stops the server, whatever state it is in, and returns when it is gone."""
        deadline = time.monotonic() + 120
        while self.call("GET", f"users/{user}")["servers"]:
            with contextlib.suppress(urllib.error.HTTPError):  # a start or a stop is still under way
                self.call("DELETE", f"users/{user}/server")
            assert time.monotonic() < deadline, f"{user}'s server does not stop"
            time.sleep(0.5)

    def wait_until_ready(self, user: str) -> None:
        deadline = time.monotonic() + 240
        while not (self.call("GET", f"users/{user}")["servers"].get("") or {}).get("ready"):
            assert time.monotonic() < deadline, f"{user}'s server does not start"
            time.sleep(0.5)


@pytest.fixture(scope="session")
def situation(node: Cluster) -> Iterator[Situation]:
    target = of_node(node)
    token = secrets.token_hex(16)
    references = images.build(images.IMAGES, push_to=node.registry)
    accounts, client_secret = Accounts.generate(), secrets.token_hex(16)
    planted = {
        "the password of users": accounts.user_password,
        "the administrator's password": accounts.admin_password,
        "the secret of an OpenID client": client_secret,
    }
    values = evaluation_values(references, accounts)
    # Nobody signs in by it: it is here to be looked for.
    values["hub"]["config"]["GenericOAuthenticator"] = {"client_secret": client_secret}
    scopes = ["admin:users", "admin:servers", "admin:groups", "tokens", "list:users"]
    values["hub"]["config"]["JupyterHub"] |= {
        "services": [{"name": "administrator", "api_token": token}],
        "load_roles": [{"name": "administrator", "services": ["administrator"], "scopes": scopes}],
    }
    values["proxy"]["service"]["nodePorts"]["http"] = PORT
    values["workspace"] = {"namespacePrefix": PREFIX, "profiles": PROFILES}
    values["tokenService"] = {"replicas": 2}
    values["spark"]["conf"] = QUICK
    values["tenancy"] = {"workspaces": [{"name": "team", "groups": ["team"], "prefix": "teams/team"}]}
    values["singleuser"]["sharedFolders"] = [
        {"name": "course", "prefix": "groups/course", "groups": ["teachers"], "access": "write"},
        {"name": "course", "prefix": "groups/course", "groups": ["students", "a group that nobody has made"]},
        {"name": "exams", "prefix": "groups/exams", "groups": ["teachers"], "access": "write"},
        {"name": "commons", "prefix": "groups/commons", "everyone": True, "access": "write"},
    ]
    values["singleuser"]["profileList"] = [
        {"display_name": "Small", "slug": "small", "default": True},
        {"display_name": "Large", "slug": "large", "kubespawner_override": {"mem_limit": "5G"}},
    ]
    platform = Platform(target, release=NAME, namespace=NAME)
    api = ApiServer(node.kubeconfig)
    try:
        platform.install(values)
        hub = Hub(f"http://{node.node_address}:{PORT}", token)
        for user in ("eve", "bob", "mallory"):
            hub.call("POST", f"users/{user}")
        for group, member in (("teachers", "bob"), ("students", "eve")):
            hub.call("POST", f"groups/{group}")
            hub.call("POST", f"groups/{group}/users", {"users": [member]})
        for user in ("eve", "bob"):
            hub.start(user)
        for user in ("eve", "bob"):
            hub.wait_until_ready(user)
        eve, bob = (Notebook(target, f"{PREFIX}{user}") for user in ("eve", "bob"))
        yield Situation(api, hub, eve, bob, _words(api, hub, references, eve, bob), planted)
    finally:
        api.close()
        target.helm("uninstall", NAME, "--namespace", NAME, "--ignore-not-found")
        spaces = [TEAM, *(f"{PREFIX}{user}" for user in ("eve", "bob", "mallory"))]
        target.kubectl("delete", "namespace", NAME, *spaces, "--ignore-not-found", "--wait=false")


def _message(text: str) -> str:
    """What Kubernetes or the hub says, out of its JSON."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(text)["message"])
    return text


def _words(api: ApiServer, hub: Hub, references: Mapping[str, str], eve: Notebook, bob: Notebook) -> dict[str, str]:
    uid, _ = _uid_and_address(api, eve)
    bobs_uid, address = _uid_and_address(api, bob)
    return {
        "EVES_TOKEN": hub.call("POST", "users/eve/tokens", {"note": "eve's own"})["token"],
        "EVES_NAMESPACE": eve.namespace,
        "BOBS_NAMESPACE": bob.namespace,
        "EVES_UID": uid,
        "BOBS_UID": bobs_uid,
        "BOBS_ADDRESS": address,
        "RELEASE": NAME,
        "FULLNAME": f"{NAME}-spark-notebooks",
        "THE_IMAGE": references["notebook"],
        "HUBS_IMAGE": references["hub"],
    }


def _uid_and_address(api: ApiServer, notebook: Notebook) -> tuple[str, str]:
    pod = api.call("GET", f"{CORE}/namespaces/{notebook.namespace}/pods/notebook").content
    return pod["metadata"]["uid"], pod["status"]["podIP"]
