"""A job that is run again, looked at or taken away when Kubernetes has forgotten it, and what its own process writes down: by the Kubernetes API's answers."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spark_session.batch import jobs, remember, repeat
from spark_session.batch.apis import Apis
from spark_session.batch.here import Here
from spark_session.batch.jobs import Job
from spark_session.batch.outcome import GONE, Outcome, State
from spark_session.batch.past import past
from spark_session.batch.remember import Findings, remembered
from spark_session.batch.repeat import rerun
from spark_session.environment import S3
from spark_session.environment import Workspace as Place
from spark_session.errors import SparkSessionError
from spark_session.kube import ServiceAccount

from .api_server import Server
from .test_batch_past import BEGAN, FAILED, RUNNING, Memory, job, notebook, pod

NAME = "flights-3f09ac"
NOW = datetime(2026, 11, 21, 10, 1, tzinfo=UTC)


class Workspace:
    """What Kubernetes and S3 know, by the path below the namespace; None for nothing."""

    def __init__(self, server: Server, account: Path) -> None:
        self.objects: dict[str, Any] = {}
        self.refusal: str = ""
        self.server, self.account = server, account
        self.kept = Memory()
        server.answer = self._answer

    def apis(self, *_: Any, **__: Any) -> Apis:
        return Apis(self.server.url, "user-ada", ServiceAccount(self.account))

    def has(self, job: dict[str, Any] | None, pod: dict[str, Any] | None) -> None:
        """The job, and its pod, which is called as it is."""
        self.objects[f"jobs/{NAME}"] = job
        self.objects["pods"] = {"items": [] if pod is None else [{**pod, "metadata": {"creationTimestamp": BEGAN}}]}
        self.objects["pods/pod-1"] = pod

    def asked(self, method: str) -> list[Any]:
        """Bodies of requests."""
        return [json.loads(body) for made, _, _, body in self.server.requests if made == method and body]

    def _answer(self, method: str, path: str) -> tuple[int, list[bytes]]:
        name = path.partition("/namespaces/user-ada/")[2].partition("?")[0]
        if method == "POST":
            said = {"reason": "Invalid", "message": self.refusal}
            return (422, [json.dumps(said).encode()]) if self.refusal else (201, [b"{}"])
        found = self.objects.get(name)
        return (404, [b'{"reason": "NotFound"}']) if found is None else (200, [json.dumps(found).encode()])


@pytest.fixture
def workspace(server: Server, account: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = Workspace(server, account)
    made.objects["pods/notebook"] = notebook("registry/notebook:1", "sha256:11")
    place = Place("user-ada", "notebook", "", server.url, "", "", access=ServiceAccount(account))
    monkeypatch.setattr(repeat, "here", lambda: Here(place, S3(), ""))
    monkeypatch.setattr(remember, "Apis", made.apis)
    monkeypatch.setattr(remember, "Archive", lambda *_: made.kept)
    monkeypatch.setattr(Memory, "forget", lambda *_: None)
    for module in (jobs, repeat):
        monkeypatch.setattr(module, "archive", lambda: made.kept)
    monkeypatch.setattr(repeat.s3, "is_there", lambda *_: True)
    return made


@pytest.mark.parametrize("is_known", [True, False])
def test_a_job_is_run_again_as_it_was_also_when_kubernetes_has_forgotten_it(
    workspace: Workspace, is_known: bool
) -> None:
    workspace.has(job() if is_known else None, FAILED)
    if not is_known:
        workspace.kept.write(past(job(), FAILED))
    made = rerun(NAME)
    [asked] = workspace.asked("POST")
    assert made.name == asked["metadata"]["name"] != NAME
    assert asked["metadata"]["annotations"]["spark-notebooks.io/rerun-of"] == NAME
    assert asked["spec"]["template"]["spec"] == job()["spec"]["template"]["spec"]


def test_one_that_still_runs_is_run_again_only_where_that_is_asked_for(workspace: Workspace) -> None:
    workspace.has(job(), RUNNING)
    with pytest.raises(SparkSessionError, match="has not ended"):
        rerun(NAME)
    assert workspace.asked("POST") == []
    assert rerun(NAME, overlap=True).name.startswith("flights-")


def test_what_cannot_be_run_again_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SparkSessionError, match="There is no job flights-3f09ac"):
        rerun(NAME)
    workspace.has(job(), FAILED)
    workspace.refusal = "ValidatingAdmissionPolicy 'x' with binding 'b' denied request: jobs run the image of their notebook (registry/notebook:2)."
    with pytest.raises(SparkSessionError, match=r"with its image, registry/notebook:1\. It is not let in any more"):
        rerun(NAME)
    workspace.refusal = "ValidatingAdmissionPolicy 'x' with binding 'b' denied request: something else."
    with pytest.raises(SparkSessionError, match='The policy "x" says: something else'):
        rerun(NAME)
    monkeypatch.setattr(repeat.s3, "is_there", lambda *_: False)
    with pytest.raises(SparkSessionError, match="The copy of its code"):
        rerun(NAME)


def test_a_job_that_kubernetes_has_forgotten_is_shown_from_the_history(workspace: Workspace) -> None:
    found = Job(NAME, workspace.apis())
    with pytest.raises(SparkSessionError, match="There is no job"):
        found.details()
    workspace.kept.write(past(job(), FAILED))
    assert dict(found.details())["exit code"] == "3"


@pytest.mark.parametrize(
    ("stood", "known", "expected"),
    [
        (RUNNING, None, GONE),
        (FAILED, None, Outcome(State.FAILED, 3)),
        (RUNNING, past(job(), RUNNING), GONE),
        # Its own process was there first, and knows better.
        (FAILED, past(job(), None, Outcome(State.FAILED, 3, "Cell In [4]")), Outcome(State.FAILED, 3, "Cell In [4]")),
    ],
)  # fmt: skip
def test_what_is_taken_away_is_remembered(workspace: Workspace, stood: Any, known: Any, expected: Outcome) -> None:
    workspace.has(job(), stood)
    if known is not None:
        workspace.kept.write(known)
    Job(NAME, workspace.apis()).cancel()
    found = workspace.kept.find(NAME)
    assert found is not None
    assert found.outcome == expected


POD = {"SPARK_NOTEBOOKS_JOB": NAME, "POD_NAME": "pod-1", "POD_NAMESPACE": "user-ada", "KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "1"}  # fmt: skip


def test_a_jobs_own_process_writes_down_that_it_began_and_how_it_ended(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remember, "BEGIN_AFTER", 0)
    workspace.has(job(), RUNNING)
    words = tmp_path / "words"

    def run() -> int:
        while (found := workspace.kept.find(NAME)) is None:
            time.sleep(0.01)
        assert found.outcome is None
        words.write_text("Cell In [4] failed")
        return 1

    assert remembered(POD, run, words, Findings(("spark-1",), "s3://n/ada/x.ipynb")) == 1
    found = workspace.kept.find(NAME)
    assert found is not None
    assert (found.applications, found.executed) == (("spark-1",), "s3://n/ada/x.ipynb")
    assert found.outcome == Outcome(State.FAILED, 1, "Cell In [4] failed.")
    assert found.took is not None


def test_what_spark_did_in_a_pod_that_was_lost_stays_known(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remember, "BEGIN_AFTER", 0)
    workspace.has(job(), RUNNING)  # which may be run again
    workspace.kept.write(replace(past(job(), None), applications=("spark-1",)))
    written = len(workspace.server.requests)

    def run() -> int:
        while len(workspace.server.requests) < written + 3:
            time.sleep(0.01)
        return 0

    assert remembered(POD, run, tmp_path / "none", Findings(("spark-2",))) == 0
    found = workspace.kept.find(NAME)
    assert found is not None
    assert found.applications == ("spark-1", "spark-2")


def test_one_that_was_cancelled_says_so(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remember, "BEGIN_AFTER", 0)
    workspace.has(job(), pod({"running": {"startedAt": BEGAN}}))

    def run() -> int:
        while workspace.kept.find(NAME) is None:
            time.sleep(0.01)
        workspace.objects[f"jobs/{NAME}"] = None
        return 143

    assert remembered(POD, run, tmp_path / "none") == 143
    found = workspace.kept.find(NAME)
    assert found is not None
    assert found.outcome == GONE


@pytest.mark.parametrize("variables", [POD, {}])
def test_what_cannot_be_written_down_is_in_nobodys_way(
    workspace: Workspace, variables: dict[str, str], tmp_path: Path
) -> None:
    workspace.server.answer = lambda *_: (500, [b"{}"])
    assert remembered(variables, lambda: 3, tmp_path / "none") == 3
    assert workspace.kept.written == {}
