"""Jobs that are submitted from a machine outside of the cluster: what a notebook has told, and a kubeconfig."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from spark_session.batch import here, manifest, outside, s3
from spark_session.batch.code import Code
from spark_session.batch.manifest import Place
from spark_session.batch.request import parse
from spark_session.batch.source import Source
from spark_session.environment import S3, Workspace
from spark_session.errors import SparkSessionError
from spark_session.kubeconfig import Person

from .api_server import Server

HOME = "s3://notebooks/users/ada"
URL = "https://127.0.0.1:6443"
WORKSPACE = Workspace(
    namespace="user-ada",
    pod_name="notebook-ada",
    pod_ip="10.244.0.7",
    api_url="https://10.96.0.1:443",
    image="registry/notebook:1",
    image_pull_policy="IfNotPresent",
    secret_file=Path("/var/run/spark/secret"),
    member="ada",
)
STORE = S3(
    home=HOME,
    endpoint="http://s3:9000",
    credentials_file=Path("/var/run/s3/credentials"),
    token_file=Path("/var/run/s3/token"),
    token_audience="s3",
    variables={"AWS_ENDPOINT_URL_S3": "http://s3:9000", "AWS_REGION": "eu"},
)
PLACE = Place(
    WORKSPACE,
    STORE,
    '{"SparkSessionDefaults": {"max_executors": 3, "priority_class": "low"}}',
    {"limits": {"memory": "3Gi"}},
    ("pull",),
)


@pytest.fixture(autouse=True)
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPARK_NOTEBOOKS_IMAGE", "SPARK_NOTEBOOKS_MEMBER", "SPARK_SESSION_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARK_NOTEBOOKS_S3_HOME", f"{HOME}/")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is on S3, by address."""
    found = {f"{HOME}/.spark-jobs/workspace.json": outside.to_json(PLACE)}
    monkeypatch.setattr(s3, "find", lambda url, _: found.get(url))
    return found


def write_kubeconfig(file: Path, url: str = URL, **user: Any) -> None:
    """Of two clusters, "mine" at the URL and "other" that is not reached; "mine" is the current one."""
    clusters = [{"name": name, "cluster": {"server": to}} for name, to in (("mine", url), ("other", "https://other:1"))]
    contexts = [{"name": each["name"], "context": {"cluster": each["name"], "user": "ada"}} for each in clusters]
    users = [{"name": "ada", "user": user or {"token": "t"}}]
    content = {"apiVersion": "v1", "kind": "Config", "current-context": "mine", "clusters": clusters, "contexts": contexts, "users": users}  # fmt: skip
    file.write_text(json.dumps(content))


def test_a_job_is_the_one_that_the_notebook_would_have_started() -> None:
    request = parse(Source("work.py", b"print(1)", None), ["a"], most_executors=3, executors=2)
    jobs = [
        manifest.job("work-1", request, Code(f"{HOME}/.spark-jobs/code/1", "1"), where)
        for where in (PLACE, outside.from_json(outside.to_json(PLACE), Person(SimpleNamespace(host=URL))))
    ]
    assert jobs[0] == jobs[1]
    assert jobs[0]["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "pull"}]


def test_it_is_asked_of_the_cluster_of_the_kubeconfig(
    files: dict[str, bytes], server: Server, account: Path, tmp_path: Path
) -> None:
    write_kubeconfig(tmp_path / "config", f"{server.url}/clusters/a")
    content = json.loads((tmp_path / "config").read_text())
    content["clusters"][0]["cluster"]["certificate-authority"] = str(account / "ca.crt")
    (tmp_path / "config").write_text(json.dumps(content))
    asked: list[str] = []

    def answer(_: str, path: str) -> tuple[int, list[bytes]]:
        asked.append(path)
        return 200, [b'{"items": []}']

    server.answer = answer
    where = here.here()
    assert where.apis().schedules() == []
    [path] = asked
    assert path.startswith("/clusters/a/apis/batch/v1/namespaces/user-ada/cronjobs?")
    assert where.place(where.apis()) == replace(PLACE, workspace=where.workspace, s3=where.s3)
    assert (where.home, where.defaults().max_executors, where.notebook(where.apis())) == (HOME, 3, None)


def test_a_member_of_a_shared_workspace_has_their_own(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kubeconfig(tmp_path / "config")
    monkeypatch.setenv("SPARK_NOTEBOOKS_MEMBER", "bob")
    with pytest.raises(SparkSessionError, match=r"workspace-bob\.json"):
        here.here()
    files[f"{HOME}/.spark-jobs/workspace-bob.json"] = outside.to_json(PLACE)
    assert here.here().workspace.member == "ada"


@pytest.mark.parametrize(
    ("context", "url"), [(None, "https://127.0.0.1:6443"), ("mine", "https://127.0.0.1:6443"), ("other", "https://other:1")]
)  # fmt: skip
def test_the_context_is_the_current_one_or_the_one_that_is_named(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: str | None, url: str
) -> None:
    write_kubeconfig(tmp_path / "config")
    if context:
        monkeypatch.setenv("SPARK_SESSION_CONTEXT", context)
    where = here.here()
    assert where.workspace.api_url == url
    assert where.workspace.access.headers() == {"Authorization": "Bearer t"}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, "which your notebook's server writes when it starts"),
        (b"{", "of another version, or damaged"),
        (b"[]", "of another version, or damaged"),
        (b'{"version": 2}', "version 2"),
        (b'{"version": 1, "workspace": {}}', "damaged"),
    ],
)
def test_what_cannot_be_read_is_said(files: dict[str, bytes], tmp_path: Path, told: bytes | None, words: str) -> None:
    write_kubeconfig(tmp_path / "config")
    files.clear()
    if told is not None:
        files[f"{HOME}/.spark-jobs/workspace.json"] = told
    with pytest.raises(SparkSessionError, match=words):
        here.here()


def test_a_machine_that_knows_nothing_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SparkSessionError, match="kubectl config get-contexts"):
        here.here()
    write_kubeconfig(tmp_path / "config")
    monkeypatch.setenv("SPARK_SESSION_CONTEXT", "none")
    with pytest.raises(SparkSessionError, match="none"):
        here.here()
    monkeypatch.delenv("SPARK_SESSION_CONTEXT")
    write_kubeconfig(tmp_path / "config", "http://127.0.0.1:8001")
    with pytest.raises(SparkSessionError, match="is not https"):
        here.here()
    monkeypatch.delenv("SPARK_NOTEBOOKS_S3_HOME")
    with pytest.raises(SparkSessionError, match="SPARK_NOTEBOOKS_S3_HOME"):
        here.here()
