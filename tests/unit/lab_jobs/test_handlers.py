"""What the browser is answered: a Jupyter server in this process, a Kubernetes API that is told what to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from jupyter_server.serverapp import ServerApp
from spark_session.batch.past import past, to_json
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from tests.unit.spark_session.test_batch_past import FAILED, RUNNING, job
from tests.unit.spark_session.test_batch_schedules import made as schedule

from .conftest import HOME, Workspace

Call = Callable[..., Awaitable[requests.Response]]
WAITING = {"spec": {}, "status": {}}
POLICY = "ValidatingAdmissionPolicy 'x' with binding 'b' denied request: 100% of it."


@pytest.fixture
async def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Call]:
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    arguments = [
        *("--IdentityProvider.token=secret", "--ServerApp.allow_root=True", f"--ServerApp.root_dir={tmp_path}", "--ServerApp.open_browser=False"),
        "--ServerApp.jpserver_extensions=lab_jobs=True", "--ServerApp.log_level=ERROR",
    ]  # fmt: skip
    app = ServerApp()
    app.initialize(arguments, new_httpserver=False, find_extensions=False)
    server, [socket] = HTTPServer(app.web_app), bind_sockets(0, "127.0.0.1")
    server.add_sockets([socket])
    url = f"http://127.0.0.1:{socket.getsockname()[1]}/spark-jobs/api/"

    async def call(method: str, path: str, token: str = "secret", **options: Any) -> requests.Response:
        headers = {"Authorization": f"token {token}"} if token else {}
        return await asyncio.to_thread(requests.request, method, url + path, headers=headers, timeout=30, **options)

    yield call
    server.stop()
    ServerApp.clear_instance()


async def test_only_their_owner_sees_jobs(workspace: Workspace, call: Call) -> None:
    for method, path in (("GET", "jobs"), ("POST", "jobs"), ("GET", "jobs/a/log"), ("POST", "schedules/a/cancel")):
        assert (await call(method, path, token="other")).status_code == 403
    assert workspace.server.requests == []


async def test_jobs_that_go_on_that_have_ended_and_schedules(workspace: Workspace, call: Call) -> None:
    workspace.has_job(job(minute=1), RUNNING)
    workspace.has_job(job("waits-000000", minute=2), WAITING)
    workspace.has_job(job("ended-000000", conditions=[{"type": "Failed"}]), FAILED)
    gone = past(job("gone-000000", minute=3), FAILED)
    workspace.files[f"{HOME}/.spark-jobs/history/2026-11-21T10-03-00-gone-000000.json"] = to_json(gone)
    workspace.objects["cronjobs"]["items"] = [schedule()]
    answer = (await call("GET", "jobs")).json()
    assert [(each["name"], each["state"], each["log"]) for each in answer["jobs"]] == [
        ("waits-000000", "waiting", False), ("flights-3f09ac", "running", True)
    ]  # fmt: skip
    assert [(each["name"], each["state"], each["code"], each["log"]) for each in answer["ended"]] == [
        ("gone-000000", "failed", 3, False), ("ended-000000", "failed", 3, True)
    ]  # fmt: skip
    [found] = answer["schedules"]
    assert (found["name"], found["when"], found["state"]) == ("report", "0 3 * * *", "waiting")
    assert (answer["unavailable"], answer["note"]) == (None, None)


async def test_where_there_can_be_no_jobs_the_list_says_why(
    workspace: Workspace, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.hidden = 403, 'jobs.batch is forbidden: User cannot list resource "jobs" in API group "batch"'
    assert "your platform is older than your image" in (await call("GET", "jobs")).json()["unavailable"]
    workspace.hidden = 500, "etcd is away"
    assert (await call("GET", "jobs")).status_code == 502
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    answer = await call("GET", "jobs")
    assert (answer.status_code, answer.json()["message"][:35]) == (502, "The Kubernetes API does not answer.")
    monkeypatch.delenv("SPARK_NOTEBOOKS_IMAGE")
    answer = await call("GET", "jobs")
    assert "this JupyterLab is in none" in answer.json()["unavailable"]
    assert (await call("GET", "jobs/a")).status_code == 422


async def test_a_log_is_read_on_where_it_was_left(workspace: Workspace, call: Call) -> None:
    first, second = "2026-11-21T10:00:00.000000001Z", "2026-11-21T10:00:00.000000002Z"
    workspace.has_job(job(), RUNNING, f"{first} one\n".encode())
    answer = (await call("GET", "jobs/flights-3f09ac/log")).json()
    assert (answer["text"], answer["since"], answer["over"], answer["again"]) == ("one\n", first, False, False)
    workspace.logs["flights-3f09ac-x"] += f"{second} two".encode()
    parameters = {"pod": answer["pod"], "since": first}
    # A line that has not ended yet is left to the next look.
    answer = (await call("GET", "jobs/flights-3f09ac/log", params=parameters)).json()
    assert (answer["text"], answer["since"]) == ("", first)
    workspace.logs["flights-3f09ac-x"] += b"\n"
    answer = (await call("GET", "jobs/flights-3f09ac/log", params=parameters)).json()
    assert (answer["text"], answer["since"]) == ("two\n", second)
    answer = (await call("GET", "jobs/flights-3f09ac/log", params={"pod": "before", "since": second})).json()
    assert (answer["text"], answer["again"]) == ("one\ntwo\n", True)


async def test_executors_of_a_job_are_listed_and_heard(workspace: Workspace, call: Call) -> None:
    workspace.has_job(job(), RUNNING)
    workspace.files[f"{HOME}/.spark-jobs/logs/flights-3f09ac_0123abcd_2.log"] = b"last words\n"
    answer = (await call("GET", "jobs/flights-3f09ac/executors")).json()
    assert answer == {"executors": [{"id": "0123abcd_2", "number": "2", "gone": True}]}
    assert (await call("GET", "jobs/flights-3f09ac/executors/0123abcd_2")).json() == {"text": "last words\n"}
    answer = await call("GET", "jobs/flights-3f09ac/executors/0123abcd_3")
    assert (answer.status_code, "There is no log of executor" in answer.json()["message"]) == (422, True)


async def test_a_job_that_waits_says_why_in_place_of_its_log(workspace: Workspace, call: Call) -> None:
    workspace.has_job(job())
    workspace.objects["events"]["items"] = [{"reason": "FailedCreate", "message": "exceeded quota"}]
    answer = (await call("GET", "jobs/flights-3f09ac/log")).json()
    assert (answer["state"], answer["text"]) == ("waiting", "")
    assert answer["message"] == "Kubernetes does not start it yet: exceeded quota."
    assert (await call("GET", "jobs")).json()["jobs"][0]["message"] == answer["message"]


async def test_what_is_done_with_jobs_and_schedules(workspace: Workspace, call: Call) -> None:
    workspace.has_job(job(conditions=[{"type": "Failed"}]), FAILED)
    workspace.files["s3://n/ada/.spark-jobs/code/00/flights.py"] = b""
    workspace.objects["cronjobs/report"] = schedule()
    made = (await call("POST", "jobs/flights-3f09ac/rerun", json={})).json()["job"]
    [(_, manifest)] = workspace.asked("POST")
    assert manifest["metadata"]["name"] == made
    for action, suspended in (("pause", True), ("resume", False)):
        assert (await call("POST", f"schedules/report/{action}")).json() == {"schedule": "report"}
        assert workspace.asked("PATCH")[-1] == ("cronjobs/report", {"spec": {"suspend": suspended}})
    run = (await call("POST", "schedules/report/run-now")).json()["job"]
    assert workspace.asked("POST")[-1][1]["metadata"]["name"] == run
    await call("POST", "schedules/report/cancel")
    await call("POST", "jobs/flights-3f09ac/cancel")
    assert [path for path, _ in workspace.asked("DELETE")] == ["cronjobs/report", "jobs/flights-3f09ac"]
    assert dict((await call("GET", "jobs/flights-3f09ac")).json()["details"])["exit code"] == "3"
    assert dict((await call("GET", "schedules/report")).json()["details"])["when"] == "0 3 * * *, Europe/Vienna"
    assert (await call("POST", "schedules/report/explode")).status_code == 404


async def test_a_job_is_started_from_a_file_of_the_browser(workspace: Workspace, call: Call) -> None:
    workspace.files[f"{HOME}/work/count.py"] = b"print()"
    body = {"script": f"{HOME}/work/count.py", "arguments": "--day '1 May'", "executors": "2", "timeout": "1h"}
    made = (await call("POST", "jobs", json=body)).json()["job"]
    [(resource, manifest)] = workspace.asked("POST")
    assert (resource, manifest["metadata"]["name"], manifest["spec"]["activeDeadlineSeconds"]) == ("jobs", made, 3600)
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    assert container["args"][-2:] == ["--day", "1 May"]
    answer = await call("POST", "jobs", json={**body, "schedule": "0 3 * * *", "time_zone": "Europe/Vienna"})
    assert answer.json() == {"schedule": "count"}
    assert workspace.asked("POST")[-1][1]["spec"]["timeZone"] == "Europe/Vienna"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"script": "s3://notebooks/users/ada/none.py"}, "is not there"),
        ({"executors": "0"}, "is not a number of executors"),
        ({"executors": "two"}, "is no number"),
        ({"arguments": "it's"}, "cannot be told apart"),
        ({"parameters": "day=1"}, "takes no parameters"),
        ({"schedule": "at noon"}, "at noon"),
        ({"profile": "gpu"}, "is not among your profiles"),
        ({"more": ""}, "which is not known"),
        ({"name": 3}, "Its name is no text"),
        ({"script": ""}, "It names no script"),
    ],
)
async def test_what_is_refused_is_told_in_the_words_of_the_library(
    workspace: Workspace, call: Call, changes: dict[str, Any], said: str
) -> None:
    workspace.files[f"{HOME}/count.py"] = b""
    answer = await call("POST", "jobs", json={"script": f"{HOME}/count.py", **changes})
    assert answer.status_code == 422
    assert said in answer.json()["message"]
    assert workspace.asked("POST") == []


async def test_a_rule_of_the_platform_is_told_as_it_is_written(workspace: Workspace, call: Call) -> None:
    workspace.files[f"{HOME}/count.py"] = b""
    workspace.refused = 422, POLICY
    answer = await call("POST", "jobs", json={"script": f"{HOME}/count.py"})
    assert 'The policy "x" says: 100% of it.' in answer.json()["message"]


async def test_the_dialog_offers_what_the_administrator_does(
    workspace: Workspace, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = '{"spot": {"description": "Cheap", "roles": ["executors"]}}'
    settings = f'{{"executors": 3, "max_executors": 9, "profiles": {profiles}, "executor_profile": "spot"}}'
    monkeypatch.setenv("SPARK_SESSION_CONFIG", f'{{"SparkSessionDefaults": {settings}}}')
    assert (await call("GET", "options")).json() == {
        "executors": 3, "most_executors": 9,
        "profiles": {"executors": [{"name": "spot", "description": "Cheap", "default": True}], "drivers": []},
    }  # fmt: skip
