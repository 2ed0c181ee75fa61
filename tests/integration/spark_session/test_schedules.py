"""Schedules on a real node: from a notebook's terminal to a run at its time, when the notebook is long gone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import Cluster
from tests.support.notebook_pod import Notebook, notebook_with_s3

from .test_submit import BEGIN

pytestmark = pytest.mark.long

OF_MANY = """
from spark_session import schedule, schedules
once = ("--schedule", "0 0 29 2 *", "--time-zone", "Europe/Vienna")
names = lambda: [each.name for each in schedules()]
"""


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    quota = {"pods": 8, "count/cronjobs.batch": 3}
    with notebook_with_s3(node, tmp_path_factory.mktemp("s3"), "test-schedules", quota, {"max_executors": 2}) as made:
        yield made


def run(notebook: Notebook, code: str) -> dict[str, Any]:
    result = notebook.run(BEGIN + OF_MANY + code)
    print(result.stdout, result.stderr)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_a_schedule_is_shown_paused_run_by_hand_and_taken_away_with_its_runs(notebook: Notebook) -> None:
    found = run(
        notebook,
        """
script("report.py", "import sys; print('ran', sys.argv[1:]); sys.exit(3)")
made = command("submit", "report.py", *once, "--overlap", "replace", "--", "a")
again = command("submit", "report.py", *once)
script("report.py", "print('another one')")
ran = command("run-now", "report")
paused = command("pause", "report")
by_hand = command("run-now", "report", "--no-wait").stdout.strip()
[second] = [job for job in schedules()[0].runs() if job.name == by_hand]
code = second.wait(lambda line: None).code
ls, show, logs = (command(*words).stdout for words in (("ls",), ("show", "report"), ("logs", "report")))
resumed = command("resume", "report")
resumed_ls = command("ls").stdout
cancelled = command("cancel", "report")
answer(made=made.stdout, again=[again.returncode, again.stderr], ran=[ran.returncode, ran.stdout], paused=paused.stdout, code=code, ls=ls,
    show=show, logs=logs, resumed=resumed.stdout, resumed_ls=resumed_ls, cancelled=cancelled.returncode, names=names(),
    gone=command("show", "report").stderr)
""",
    )
    told = ["Tue 2028-02-29 00:00 CET", "Sun 2032-02-29 00:00 CET", "Fri 2036-02-29 00:00 CET"]
    assert found["made"].splitlines() == [
        "report is scheduled, also while your notebook does not run.", "It runs next on", *(f"  {each}" for each in told)
    ]  # fmt: skip
    assert found["again"][0] == 2
    assert "There is a schedule report already." in found["again"][1]
    # The copy of then, whatever the file is now.
    assert found["ran"] == [3, "ran ['a']\n"]
    assert found["code"] == 3
    assert found["logs"] == "ran ['a']\n"
    assert found["paused"].startswith("report is paused.")
    [line] = [line for line in found["ls"].splitlines() if line.startswith("report ")]
    assert line.split()[1:8] == ["paused", "0", "0", "29", "2", "*", "Europe/Vienna"]
    shown = dict(line.split(maxsplit=1) for line in found["show"].splitlines() if not line.startswith(" "))
    assert (shown["state"], shown["overlap"], shown["script"]) == ("paused", "replace", "report.py")
    assert "(3)" in shown["last"]
    assert "refused" not in found["show"]
    assert told[0] in found["resumed"]
    assert told[0] in found["resumed_ls"]
    assert (found["cancelled"], found["names"]) == (0, [])
    assert "There is no job report" in found["gone"]


def test_runs_by_hand_stay_when_their_schedule_goes(notebook: Notebook) -> None:
    # They belong to nobody: who started one wants to read its log.
    left = notebook.kubectl("get", "jobs", "--output=name").split()
    assert [each for each in left if each.startswith("job.batch/report-")]


def test_what_cannot_be_is_refused_and_nothing_is_made(notebook: Notebook) -> None:
    found = run(
        notebook,
        """
script("x.py", "")
asked = (["--schedule", "0 25 * * *"], ["--schedule", "@daily", "--time-zone", "Europe/Wien"], ["--overlap", "allow"])
done = [command("submit", "x.py", *words) for words in asked] + [command("pause", "no-such"), command("run-now", "no-such")]
several = [command("submit", "x.py", *once, "--name", f"s{number}", "--no-wait") for number in range(4)]
for each in schedules():
    each.cancel()
answer(codes=[each.returncode for each in done], said=[each.stderr for each in done], several=[each.returncode for each in several],
    full=several[-1].stderr, left=names())
""",
    )
    assert found["codes"] == [2] * 5
    words = (
        "no such hour",
        "Did you mean",
        "There is no schedule to which",
        "There is no schedule no-such.",
        "There is no schedule",
    )
    assert all(word in said for word, said in zip(words, found["said"], strict=True))
    assert found["several"] == [0, 0, 0, 2]
    assert "as many schedules as it may have" in found["full"]
    assert found["left"] == []


REPORT = """
import botocore.session
s3 = botocore.session.get_session().create_client("s3")
bucket, prefix = os.environ["SPARK_NOTEBOOKS_S3_HOME"].removeprefix("s3://").split("/", 1)
cell = {"cell_type": "code", "id": "a", "source": "n = 1", "metadata": {"tags": ["parameters"]}, "outputs": [], "execution_count": None}
then = {**cell, "id": "b", "source": "print('n is', n)", "metadata": {}}
content = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell, then]}).encode()
s3.put_object(Bucket=bucket, Key=f"{prefix}/work/nightly.ipynb", Body=content)
"""


def test_a_notebook_runs_at_its_time_after_the_notebook_server_has_gone(notebook: Notebook) -> None:
    # The last test of this file: it takes the notebook away.
    run(notebook, f"{REPORT}\nschedule('work/nightly.ipynb', '* * * * *', parameters={{'n': 7}})\nanswer()")
    notebook.kubectl("delete", "pod", notebook.name, "--wait=true")
    deadline = time.monotonic() + 180
    succeeded: list[dict[str, Any]] = []
    while not succeeded:
        assert time.monotonic() < deadline, notebook.kubectl("get", "cronjobs,jobs,pods,events", "--output=wide")
        time.sleep(1)
        jobs = json.loads(notebook.kubectl("get", "jobs", "--output=json"))["items"]
        runs = [job for job in jobs if job["metadata"]["annotations"].get("spark-notebooks.io/schedule") == "nightly"]
        succeeded = [job for job in runs if job.get("status", {}).get("succeeded")]
    [owner] = succeeded[0]["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("CronJob", "nightly", True)
    log = notebook.kubectl("logs", f"job/{succeeded[0]['metadata']['name']}", "--container=job")
    assert "n is 7" in log
    assert "The executed notebook is s3://notebooks/users/ada/work/nightly/" in log
    notebook.kubectl("delete", "cronjob", "nightly", "--wait=true")
    while (
        notebook.kubectl("get", "jobs", "--output=name").split().count(f"job.batch/{succeeded[0]['metadata']['name']}")
    ):
        assert time.monotonic() < deadline, "the runs of a schedule do not go with it"
        time.sleep(0.5)
