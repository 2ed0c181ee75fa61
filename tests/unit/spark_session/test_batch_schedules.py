"""Schedules: the CronJob that is made, what is told of one, and what is asked of the Kubernetes API."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from spark_session.batch import command, jobs, scheduling
from spark_session.batch.apis import Apis
from spark_session.batch.code import Code
from spark_session.batch.cron_job import OVERLAPS, check_overlap, cron_job, run_of, schedule_of, timetable_of
from spark_session.batch.here import Here
from spark_session.batch.jobs import Prepared
from spark_session.batch.request import JobRequest
from spark_session.batch.schedule_details import HEADINGS, next_runs, schedule_details, schedule_row
from spark_session.batch.scheduling import Schedule, schedule
from spark_session.batch.timetable import Timetable
from spark_session.errors import SparkSessionError
from spark_session.kube import ServiceAccount

from .api_server import Answer, Server
from .conftest import MakeContext

NOW = datetime(2026, 11, 21, 17, 30, tzinfo=UTC)
TIMES = Timetable("0 3 * * *", "Europe/Vienna")
NOTES = {"spark-notebooks.io/script": "report.ipynb", "spark-notebooks.io/code-sha256": "00"}
JOB: dict[str, Any] = {
    "metadata": {"name": "report-0", "labels": {}, "annotations": NOTES},
    "spec": {
        "backoffLimit": 1,
        "ttlSecondsAfterFinished": 86400,
        "template": {"spec": {"containers": [{"name": "job", "image": "registry/notebook:1"}]}},
    },
}


def made(overlap: str = "forbid", **spec: Any) -> dict[str, Any]:
    """As Kubernetes gives it."""
    found = cron_job("report", TIMES, overlap, JOB)
    found["metadata"]["creationTimestamp"] = "2026-11-19T12:00:00Z"
    found["spec"].update(spec)
    found["status"] = {"lastScheduleTime": "2026-11-21T02:00:00Z"}
    return found


def run(name: str = "report-29", **status: Any) -> dict[str, Any]:
    notes = {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-11-21T03:00:00+01:00"}
    metadata = {"name": name, "creationTimestamp": "2026-11-21T02:00:01Z"}
    noted = {**made()["spec"]["jobTemplate"]["metadata"]["annotations"], **notes}
    return {"metadata": {**metadata, "annotations": noted}, "spec": JOB["spec"], "status": status}


GOOD = {"conditions": [{"type": "Complete", "status": "True"}]}
LOST = {"conditions": [{"type": "Failed", "status": "True"}]}


def test_each_run_is_the_job_that_submit_makes_and_is_kept_for_longer() -> None:
    found = made()
    template = found["spec"]["jobTemplate"]
    assert template["spec"] == {**JOB["spec"], "ttlSecondsAfterFinished": 604800}
    assert template["metadata"]["annotations"] == {**NOTES, "spark-notebooks.io/schedule": "report"}
    assert found["metadata"]["annotations"] == NOTES
    assert JOB["spec"]["ttlSecondsAfterFinished"] == 86400


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_times_overlap_and_what_is_kept_are_kubernetes_own(overlap: str) -> None:
    spec = made(overlap)["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 3 * * *", "Europe/Vienna")
    assert spec["concurrencyPolicy"] == overlap.capitalize()
    assert spec["startingDeadlineSeconds"] == 3600
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    assert timetable_of({"spec": {"schedule": "@daily"}}) == Timetable("@daily", "UTC")


def test_another_overlap_is_refused() -> None:
    with pytest.raises(SparkSessionError, match="forbid lets it wait"):
        check_overlap("queue")


def test_a_run_by_hand_is_the_same_job_and_belongs_to_nobody() -> None:
    found = run_of(made(), "ab")
    template = made()["spec"]["jobTemplate"]
    assert found["spec"] == template["spec"]
    assert found["metadata"] == {"name": "report-ab", **template["metadata"]}
    assert schedule_of(found) == "report"
    assert schedule_of(JOB) is None


def test_a_schedule_in_the_table() -> None:
    row = schedule_row(made(), [(run("report-28", **LOST), None), (run(**GOOD), None)], NOW)
    assert dict(zip(HEADINGS, row, strict=True)) == {
        "SCHEDULE": "report", "STATE": "waiting", "WHEN": "0 3 * * *", "TIME ZONE": "Europe/Vienna",
        "LAST RUN": "succeeded, Sat 2026-11-21 03:00 CET", "NEXT RUN": "Sun 2026-11-22 03:00 CET", "SCRIPT": "report.ipynb",
    }  # fmt: skip
    assert schedule_row(made(suspend=True), [], NOW)[1:6] == ("paused", "0 3 * * *", "Europe/Vienna", "", "")
    assert schedule_row({**made(), "status": {"active": [{}]}}, [], NOW)[1] == "running"


def test_what_is_told_of_one() -> None:
    found = schedule_details(made(), [(run(**LOST), None)], "", NOW)
    assert found == [
        ("schedule", "report"), ("state", "waiting"), ("when", "0 3 * * *, Europe/Vienna"), ("overlap", "forbid"),
        ("next runs", "Sun 2026-11-22 03:00 CET"), ("", "Mon 2026-11-23 03:00 CET"), ("", "Tue 2026-11-24 03:00 CET"),
        ("last run", "report-29, failed (75), Sat 2026-11-21 03:00 CET"), ("submitted", "2026-11-19T12:00:00Z"),
        ("script", "report.ipynb"), ("SHA-256", "00"), ("image", "registry/notebook:1"),
    ]  # fmt: skip


def test_runs_that_were_left_out_are_told_and_that_one_would_be_refused() -> None:
    late = made()
    late["status"] = {"lastScheduleTime": "2026-11-20T02:00:00Z"}
    found = dict(schedule_details(late, [], "the image is not allowed.", NOW))
    assert found["left out"] == "runs since Sat 2026-11-21 03:00 CET"
    assert found["a run now"] == "would be refused: the image is not allowed."
    late["status"]["active"] = [{}]
    assert "left out" not in dict(schedule_details(late, [], "", NOW))
    assert "left out" not in dict(schedule_details({**made(), "status": {}}, [], "", datetime(2026, 11, 19, 13, tzinfo=UTC)))  # fmt: skip


def test_one_that_was_made_by_other_means_is_shown_as_far_as_it_is_understood() -> None:
    other = made(schedule="@every 5m", timeZone="Mars/Olympus")
    assert next_runs(other, NOW) == []
    assert schedule_row(other, [(run(**GOOD), None)], NOW)[4:6] == ("succeeded, Sat 2026-11-21 03:00 UTC+01:00", "")
    assert dict(schedule_details(other, [], "", NOW))["when"] == "@every 5m, Mars/Olympus"


class Kubernetes:
    """One schedule and its runs, as the API serves them."""

    def __init__(self, server: Server, account: Path) -> None:
        self.objects: dict[str, Any] = {"cronjobs/report": made(), "cronjobs": {"items": [made()]}}
        self.objects["jobs"] = {"items": [run(**GOOD)]}
        self.objects["pods"] = {"items": []}
        self.refused: dict[str, tuple[int, str]] = {}
        self.apis = Apis(server.url, "user-ada", ServiceAccount(account))
        server.answer = self.answer

    def answer(self, method: str, path: str) -> Answer:
        what = path.partition("/namespaces/user-ada/")[2].partition("?")[0]
        if method != "GET" and what in self.refused:
            status, message = self.refused[what]
            return status, [json.dumps({"message": message}).encode()]
        if method == "DELETE" and what not in self.objects:
            return 404, [b"{}"]
        if method == "POST":
            return 201, [b"{}"]
        found = self.objects.get(what)
        return (404, [b"{}"]) if found is None else (200, [json.dumps(found).encode()])


@pytest.fixture
def kubernetes(server: Server, account: Path) -> Kubernetes:
    return Kubernetes(server, account)


def asked(server: Server, method: str) -> list[tuple[str, Any]]:
    """Paths and bodies of the requests of a method."""
    found = [
        (path.partition("/namespaces/user-ada/")[2], body) for how, path, _, body in server.requests if how == method
    ]
    return [(path, json.loads(body) if body else None) for path, body in found]


def test_jobs_and_schedules_of_other_members_are_as_if_they_were_not_there(
    server: Server, kubernetes: Kubernetes, account: Path
) -> None:
    mine = Apis(server.url, "user-ada", ServiceAccount(account), "ada")
    assert mine.schedule("report") is None
    report = kubernetes.objects["cronjobs/report"]
    kubernetes.objects["cronjobs/report"] = {
        **report, "metadata": {**report["metadata"], "labels": {"spark-notebooks.io/member": "ada"}}
    }  # fmt: skip
    assert mine.schedule("report") is not None
    assert Apis(server.url, "user-ada", ServiceAccount(account), "bob").schedule("report") is None
    assert kubernetes.apis.schedule("report") is not None
    mine.schedules()
    mine.list()
    asked_for = [path for how, path, *_ in server.requests if how == "GET" and "labelSelector" in path]
    assert len(asked_for) == 3
    assert all("spark-notebooks.io%2Fmember%3Dada" in path for path in asked_for)


def test_pausing_changes_that_and_nothing_else(server: Server, kubernetes: Kubernetes) -> None:
    report = Schedule("report", kubernetes.apis)
    report.pause()
    report.resume()
    assert asked(server, "PATCH") == [
        ("cronjobs/report", {"spec": {"suspend": True}}), ("cronjobs/report", {"spec": {"suspend": False}})
    ]  # fmt: skip


def test_a_run_now_is_made_of_what_is_scheduled(server: Server, kubernetes: Kubernetes) -> None:
    job = Schedule("report", kubernetes.apis).run_now()
    [(path, body)] = asked(server, "POST")
    assert path == "jobs"
    assert body["metadata"]["name"] == job.name
    assert job.name.startswith("report-")
    assert body["spec"] == made()["spec"]["jobTemplate"]["spec"]


def test_cancelling_takes_the_runs_along(server: Server, kubernetes: Kubernetes) -> None:
    Schedule("report", kubernetes.apis).cancel()
    assert [path for path, _ in asked(server, "DELETE")] == ["cronjobs/report?propagationPolicy=Background"]


def test_whether_a_run_would_be_refused_is_asked_and_no_run_is_made(server: Server, kubernetes: Kubernetes) -> None:
    report = Schedule("report", kubernetes.apis)
    assert "a run now" not in dict(report.details())
    said = "jobs.batch is forbidden: ValidatingAdmissionPolicy 'x-jobs' with binding 'b' denied request: jobs run the image of their notebook"
    kubernetes.refused["jobs"] = (422, said)
    assert "jobs run the image of their notebook" in dict(report.details())["a run now"]
    assert {path for path, _ in asked(server, "POST")} == {"jobs?dryRun=All"}


def test_its_runs_are_those_that_name_it(kubernetes: Kubernetes) -> None:
    kubernetes.objects["jobs"] = {"items": [{**run("report-30", **GOOD)}, {**JOB, "metadata": {**JOB["metadata"], "creationTimestamp": "2026-11-21T01:00:00Z"}}]}  # fmt: skip
    assert [job.name for job in Schedule("report", kubernetes.apis).runs()] == ["report-30"]


def test_the_log_is_that_of_the_last_run(kubernetes: Kubernetes) -> None:
    report = Schedule("report", kubernetes.apis)
    kubernetes.objects["jobs"] = {"items": []}
    with pytest.raises(SparkSessionError, match="It has not run yet"):
        report.logs()
    earlier = run("report-28", **GOOD)
    earlier["metadata"]["creationTimestamp"] = "2026-11-20T02:00:01Z"
    kubernetes.objects["jobs"] = {"items": [run("report-30", **GOOD), earlier]}
    kubernetes.objects["jobs/report-30"] = run("report-30", **GOOD)
    with pytest.raises(SparkSessionError, match="There is no log of the job report-30"):
        report.logs()


@pytest.mark.parametrize("what", ["pause", "resume", "run_now", "cancel", "details", "next_runs", "logs"])
def test_where_there_is_none_that_is_said(kubernetes: Kubernetes, what: str) -> None:
    with pytest.raises(SparkSessionError, match="There is no schedule other"):
        getattr(Schedule("other", kubernetes.apis), what)()


@pytest.fixture
def prepared(kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is uploaded, in place of an S3 server."""
    uploaded: list[str] = []
    request = JobRequest("report.ipynb", b"", (), "Report", None, 7200)
    copy = Code("s3://n/.spark-jobs/code/00/report.ipynb", "00")
    monkeypatch.setattr(scheduling, "prepare", lambda *_, **__: Prepared(kubernetes.apis, request, JOB, ((copy, b""),)))
    monkeypatch.setattr(jobs.code, "upload", lambda copy, _: uploaded.append(copy.url))
    return uploaded


def test_a_schedule_is_made_under_its_own_name_after_its_code_is_there(
    server: Server, kubernetes: Kubernetes, prepared: list[str]
) -> None:
    found = schedule("report.ipynb", "@daily", time_zone="Europe/Vienna", overlap="replace")
    assert found == Schedule("report", kubernetes.apis)
    [(path, body)] = asked(server, "POST")
    assert path == "cronjobs"
    assert body == cron_job("report", Timetable("0 0 * * *", "Europe/Vienna"), "replace", JOB)
    assert prepared == ["s3://n/.spark-jobs/code/00/report.ipynb"]


@pytest.mark.parametrize(
    "wrong", [{"when": "0 25 * * *"}, {"when": "0 3 * * *", "time_zone": "x"}, {"when": "0 3 * * *", "overlap": "x"}]
)
def test_what_is_wrong_is_refused_before_anything_is_done(
    server: Server, prepared: list[str], wrong: dict[str, str]
) -> None:
    with pytest.raises(SparkSessionError):
        schedule("report.ipynb", **wrong)
    assert (server.requests, prepared) == ([], [])


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (409, 'cronjobs.batch "report" already exists', "There is a schedule report already."),
        (403, "cronjobs.batch \"report\" is forbidden: exceeded quota: workspace, requested: count/cronjobs.batch=1, used: count/cronjobs.batch=20, limited: count/cronjobs.batch=20", "as many schedules as it may have"),
        (403, 'cronjobs.batch is forbidden: User "u" cannot create resource "cronjobs" in API group "batch"', "may not do that with schedules"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("prepared")
def test_a_refusal_is_told_in_words(kubernetes: Kubernetes, status: int, message: str, words: str) -> None:
    kubernetes.refused["cronjobs"] = (status, message)
    with pytest.raises(SparkSessionError, match=words):
        schedule("report.ipynb", "@daily")


def test_a_schedule_runs_what_submit_would_start(
    server: Server, account: Path, make_context: MakeContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = make_context().environment
    workspace = replace(environment.workspace, api_url=server.url, access=ServiceAccount(account))
    where = Here(workspace, environment.s3, "", environment.notebook_folder)
    monkeypatch.setattr(jobs, "here", lambda: where)
    monkeypatch.setattr(jobs.code, "upload", lambda *_: None)
    notebook = {"spec": {"containers": [{"name": "notebook", "resources": {"limits": {"memory": "3Gi"}}}]}}
    server.answer = lambda method, _: (200, [json.dumps(notebook if method == "GET" else {}).encode()])
    script = tmp_path / "night.py"
    script.write_text("print(1)")
    job = jobs.submit(script, ["a"], executors=2, retries=1, timeout="2h")
    made = schedule(script, "@daily", ["a"], executors=2, retries=1, timeout="2h")
    assert (job.name.startswith("night-"), made.name) == (True, "night")
    [(_, started), (_, scheduled)] = asked(server, "POST")
    template = scheduled["spec"]["jobTemplate"]
    assert template["spec"] == {**started["spec"], "ttlSecondsAfterFinished": 604800}
    assert template["metadata"]["annotations"].items() >= started["metadata"]["annotations"].items()
    assert started["metadata"]["name"] == job.name


def test_the_commands_of_jobs_are_those_of_schedules_too(
    server: Server, kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "workspace_jobs", lambda: kubernetes.apis)
    assert command.main(["ls"]) == 0
    jobs_listed, schedules_listed = capsys.readouterr().out.split("\n\n")
    assert jobs_listed.splitlines()[1].split()[:2] == ["report-29", "succeeded"]
    assert schedules_listed.split("\n")[0].split()[0] == "SCHEDULE"
    assert "succeeded, Sat 2026-11-21 03:00 CET" in schedules_listed
    assert command.main(["show", "report"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["schedule", "report"]
    assert shown[4].split()[:2] == ["next", "runs"]
    assert command.main(["cancel", "report"]) == 0
    assert capsys.readouterr().out == "report is cancelled.\n"
    assert [path for path, _ in asked(server, "DELETE")] == ["cronjobs/report?propagationPolicy=Background"]
    assert command.main(["cancel", "no-such"]) == 2
    assert "There is no job no-such." in capsys.readouterr().err


def test_without_schedules_ls_is_a_table_of_jobs(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "workspace_jobs", lambda: kubernetes.apis)
    kubernetes.objects["cronjobs"] = {"items": []}
    assert command.main(["ls"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
