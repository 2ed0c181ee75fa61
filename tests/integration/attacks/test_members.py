"""Two members of a shared workspace, mia and noa: what mia tries from her notebook against noa, and whether anything has changed after it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.accounts import Account
from tests.support.executors import changed, executor_pod
from tests.support.jobs import job_manifest, schedule_manifest
from tests.support.notebook_pod import Notebook

from .conftest import AUDIENCE, CORE, TEAM, Attack, Report, Situation, assert_refused, carry_out

pytestmark = pytest.mark.long
PODS = f"{CORE}/namespaces/{TEAM}/pods"
SCHEDULES = f"/apis/batch/v1/namespaces/{TEAM}/cronjobs"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
CONTAINER, LABEL = "spec:containers:0", "metadata:labels:spark-notebooks.io/member"
THEIRS = "it is another member's"


def executor() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        pod = executor_pod(TEAM, "THE_IMAGE", "MIAS_UID", Path(folder), AUDIENCE, member="mia")
    return changed(
        pod, {f"{CONTAINER}:resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}}
    )


EXECUTOR = executor()
JOB = changed(job_manifest(TEAM, "THE_IMAGE", member="mia"), {"spec:template:spec:volumes": [
    {"name": "tmp", "emptyDir": {}}, {"name": "home", "emptyDir": {}},
], "spec:template:spec:containers:0:volumeMounts": []})  # fmt: skip


def pod(refusal: str, changes: dict[str, Any]) -> Attack:
    return Attack("POST", PODS, refusal, changed(EXECUTOR, changes))


def job(refusal: str, changes: dict[str, Any]) -> Attack:
    where = f"/apis/batch/v1/namespaces/{TEAM}/jobs"
    return Attack(
        "POST", where, refusal, changed(JOB, {f"spec:template:{key}": value for key, value in changes.items()})
    )


def secret(name: str) -> dict[str, Any]:
    return {"spec:volumes": [..., {"name": "more", "secret": {"secretName": name}}]}


ATTACKS = {
    "noa's notebook deleted": Attack("DELETE", f"{PODS}/notebook-noa", THEIRS),
    "all that is noa's deleted": Attack("DELETE", f"{PODS}?labelSelector=spark-notebooks.io%2Fmember%3Dnoa", THEIRS),
    "noa's notebook marked as ended": Attack(
        "PATCH", f"{PODS}/notebook-noa", THEIRS, {"metadata": {"labels": {"spark-exec-inactive": "true"}}}, STRATEGIC
    ),
    "noa's schedule deleted": Attack("DELETE", f"{SCHEDULES}/flights", THEIRS),
    "noa's schedule paused": Attack("PATCH", f"{SCHEDULES}/flights", THEIRS, {"spec": {"suspend": True}}, MERGE),
    "an executor as noa's": pod("executors are made by a notebook", {"spec:serviceAccountName": "executor-noa", LABEL: "noa"}),
    "an executor among noa's": pod("has the label", {LABEL: "noa"}),
    "an executor of noa's notebook": pod("has one owner", {"metadata:ownerReferences:0:uid": "NOAS_UID"}),
    "an executor with noa's secret of Spark": pod('volume "more"', secret("spark-authentication-noa")),
    "an executor with noa's token of the hub": pod('volume "more"', secret("notebook-noa-token")),
    "noa's token of the hub in a variable": pod(
        "may not take variables",
        {f"{CONTAINER}:env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "notebook-noa-token", "key": "token"}}}]},
    ),
    "a second notebook of noa's": pod("only the hub makes pods", {"spec:serviceAccountName": "notebook-noa", LABEL: "noa"}),
    "a job as noa's": job('a job runs as "notebook"', {"spec:serviceAccountName": "notebook-noa", LABEL: "noa"}),
    "a job among noa's": job("has the label", {LABEL: "noa"}),
    "a job with noa's secret of Spark": job('volume "more"', secret("spark-authentication-noa")),
    "noa's secret read": Attack("GET", f"{CORE}/namespaces/{TEAM}/secrets/notebook-noa-token", 'cannot get resource "secrets"'),
    "all secrets read": Attack("GET", f"{CORE}/namespaces/{TEAM}/secrets", 'cannot list resource "secrets"'),
    "a token of noa's account": Attack(
        "POST", f"{CORE}/namespaces/{TEAM}/serviceaccounts/notebook-noa/token", "cannot create resource",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    ),
    "a command in noa's notebook": Attack("POST", f"{PODS}/notebook-noa/exec?command=id", "cannot create resource"),
    "noa taken off the members": Attack(
        "PATCH", f"{CORE}/namespaces/{TEAM}", "cannot patch resource",
        {"metadata": {"annotations": {"member.spark-notebooks.io/noa": "mia"}}}, MERGE,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def team(situation: Situation) -> Iterator[Situation]:
    """The platform, with mia in eve's place and noa in bob's; noa has a schedule."""
    hub = situation.hub
    hub.call("POST", "groups/team")
    for user in ("mia", "noa"):
        hub.call("POST", f"users/{user}")
    hub.call("POST", "groups/team/users", {"users": ["mia", "noa"]})
    for user in ("mia", "noa"):
        hub.call("POST", f"users/{user}/server", {"workspace": "team"})
    for user in ("mia", "noa"):
        hub.wait_until_ready(user)
    mia, noa = (replace(situation.eve, namespace=TEAM, name=f"notebook-{user}") for user in ("mia", "noa"))
    uids = {
        f"{each.name.partition('-')[2].upper()}S_UID": situation.api.call("GET", f"{PODS}/{each.name}").content[
            "metadata"
        ]["uid"]
        for each in (mia, noa)
    }
    schedule = schedule_manifest(TEAM, situation.words["THE_IMAGE"], "noa")
    spec = schedule["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    spec["volumes"] = [volume for volume in spec["volumes"] if "emptyDir" in volume]
    spec["containers"][0]["volumeMounts"] = []
    made = situation.api.call("POST", SCHEDULES, schedule, Account(TEAM, "notebook-noa", uids["NOAS_UID"]))
    assert made.allowed, made.message
    try:
        yield replace(situation, eve=mia, bob=noa, words={**situation.words, **uids})
    finally:
        for user in ("mia", "noa"):
            hub.stop(user)


@pytest.fixture(scope="module")
def report(team: Situation) -> Report:
    return carry_out(team, ATTACKS)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_member_does_nothing_to_another(report: Report, name: str) -> None:
    assert_refused(report, ATTACKS, name)


def test_what_the_attacks_are_made_of_is_let_in(team: Situation) -> None:
    """Else all of them could be refused for the same reason."""
    jobs = f"/apis/batch/v1/namespaces/{TEAM}/jobs?dryRun=All"
    sent = team.send({"pod": Attack("POST", f"{PODS}?dryRun=All", "", EXECUTOR), "job": Attack("POST", jobs, "", JOB)})
    assert [result.status for result in sent.values()] == [201, 201], sent


KEYS = """
import botocore.session, json
s3, found = botocore.session.get_session().create_client("s3"), {}
for prefix in ("teams/team/", "users/noa/", "users/mia/", "users/eve/", "groups/commons/"):
    try:
        s3.list_objects_v2(Bucket="notebooks", Prefix=prefix)
        found[prefix] = "open"
    except Exception as error:
        found[prefix] = error.response["Error"]["Code"]
print(json.dumps(found))
"""


def test_keys_open_the_team_s_folder_and_nobody_s_own(team: Situation) -> None:
    done = team.eve.run(KEYS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("teams/team/") == "open"
    assert set(found.values()) == {"AccessDenied"}, found


SERVE = (
    "import http.server; http.server.HTTPServer(('0.0.0.0', 40404), http.server.BaseHTTPRequestHandler).serve_forever()"
)
REACH = """
import socket
try:
    socket.create_connection((ADDRESS, 40404), 3).close()
    print("reached")
except OSError as error:
    print(error)
"""


def reach(notebook: Notebook, address: str) -> str:
    return notebook.run(f"ADDRESS = {address!r}\n{REACH}").stdout


def test_a_port_that_a_member_opens_is_not_reached_by_another(team: Situation) -> None:
    address = team.api.call("GET", f"{PODS}/notebook-noa").content["status"]["podIP"]
    server = team.bob.start(SERVE)
    try:
        deadline = time.monotonic() + 30
        while "reached" not in reach(team.bob, "127.0.0.1"):
            assert time.monotonic() < deadline, "noa's server does not answer"
            time.sleep(0.5)
        assert "reached" not in reach(team.eve, address)
        # It is the policies that do not let mia through.
        policies = f"/apis/networking.k8s.io/v1/namespaces/{TEAM}/networkpolicies"
        opened = {
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "opened"},
            "spec": {"podSelector": {}, "ingress": [{}], "egress": [{}], "policyTypes": ["Ingress", "Egress"]},
        }  # fmt: skip
        assert team.api.call("POST", policies, opened).allowed
        try:
            deadline = time.monotonic() + 30
            while "reached" not in reach(team.eve, address):
                assert time.monotonic() < deadline, "not even without the policies"
                time.sleep(0.5)
        finally:
            assert team.api.call("DELETE", f"{policies}/opened").allowed
    finally:
        server.terminate()
        server.wait()


def test_who_leaves_the_group_loses_the_server_the_keys_and_the_rights(team: Situation) -> None:
    """The last of the file: mia is no member afterwards."""
    team.hub.call("DELETE", "groups/team/users", {"users": ["mia"]})
    deadline = time.monotonic() + 180
    while team.api.call("GET", f"{PODS}/notebook-mia").status != 404:
        assert time.monotonic() < deadline, "mia's server goes on"
        time.sleep(1)
    notes = team.api.call("GET", f"{CORE}/namespaces/{TEAM}").content["metadata"]["annotations"]
    assert "member.spark-notebooks.io/mia" not in notes
    assert notes["member.spark-notebooks.io/noa"] == "noa"
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{TEAM}/rolebindings"
    names = {each["metadata"]["name"] for each in team.api.call("GET", bindings).content["items"]}
    assert names == {"hub", "notebook-noa"}
    assert team.api.call("GET", f"{PODS}/notebook-noa").status == 200
