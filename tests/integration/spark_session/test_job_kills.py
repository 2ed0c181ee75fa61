"""Jobs that are killed at random moments, in every way that there is: nothing of them stays behind, and each has an end that is told."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster
from dev.target import TargetError
from tests.support.notebook_pod import Notebook, notebook_with_s3

SCRIPT = """
import time
from spark_session import get_spark_session
spark = get_spark_session()
tracker = spark.sparkContext._jsc.sc().statusTracker()
while len(tracker.getExecutorInfos()) < 2:  # the driver is one of them
    time.sleep(0.2)
spark.range(1000).repartition(4).count()
time.sleep(5)
"""
SUBMIT = f"""
from pathlib import Path
from spark_session import submit
Path("/tmp/work.py").write_text({SCRIPT!r})
for _ in range(COUNT):
    print(submit("/tmp/work.py", executors=1, retries=1, driver_memory="1g").name, flush=True)
"""
LONGEST_LIFE = 20.0
"""Seconds within which a job is killed; alone it has ended by then, beside others it may still start."""

AT_ONCE = 5
GONE_SECONDS = 60.0


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with notebook_with_s3(
        node, tmp_path_factory.mktemp("s3"), "test-job-kills", {"pods": 20}, {"max_executors": 4}
    ) as made:
        yield made


def in_pod(command: str) -> Callable[[Notebook, str], None]:
    def kill(notebook: Notebook, job: str) -> None:
        notebook.kubectl("exec", f"job/{job}", "--", "sh", "-c", command)

    return kill


def delete(notebook: Notebook, *what: str) -> None:
    notebook.kubectl("delete", *what, "--wait=false")


def kill_container(_: Notebook, job: str) -> None:
    """As the kernel does where a pod has used up its memory: its first process ends, and all others with it."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            numbers = re.findall(r"^NSpid:(.*)$", (process / "status").read_text(), re.MULTILINE)
            is_first = numbers[0].split()[-1] == "1"
            if is_first and f"SPARK_NOTEBOOKS_JOB={job}\0".encode() in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def kill_executor(notebook: Notebook, job: str) -> None:
    pods = json.loads(notebook.kubectl("get", "pods", "--output=json"))["items"]
    for pod in pods:
        owners = [each["name"] for each in pod["metadata"].get("ownerReferences", [])]
        if pod["metadata"]["labels"].get("spark-role") == "executor" and owners[0].startswith(job):
            delete(notebook, "pod", pod["metadata"]["name"], "--force", "--grace-period=0")


KILLS: dict[str, Callable[[Notebook, str], Any]] = {
    "script": in_pod("kill -9 $(pgrep -f work.py | tail -n 1)"),
    "JVM": in_pod("kill -9 $(pgrep java)"),
    "asked": in_pod("kill 1"),
    "container": kill_container,
    "executor": kill_executor,
    "pod": lambda notebook, job: delete(notebook, "pod", f"--selector=batch.kubernetes.io/job-name={job}"),
    "lost pod": lambda notebook, job: delete(
        notebook, "pod", f"--selector=batch.kubernetes.io/job-name={job}", "--force", "--grace-period=0"
    ),
    "job": lambda notebook, job: delete(notebook, "job", job),
    "cancel": lambda notebook, job: notebook.run(
        f"import subprocess; subprocess.run(['spark-session', 'cancel', {job!r}])"
    ),
}


def submit(notebook: Notebook, count: int) -> list[str]:
    """The names of jobs that begin one after the other."""
    submitted = notebook.run(SUBMIT.replace("COUNT", str(count)))
    assert submitted.returncode == 0, submitted.stderr
    return submitted.stdout.split()


def kill_one(notebook: Notebook, job: str, seed: int) -> str:
    chance = random.Random(seed)
    how = list(KILLS)[seed % len(KILLS)]
    moment = chance.uniform(0, LONGEST_LIFE)
    time.sleep(moment)
    with suppress(TargetError):  # there is nothing yet, or nothing any more, to kill so
        KILLS[how](notebook, job)
    return f"seed {seed}: {job}, {how} after {moment:.1f} s"


def left_behind(notebook: Notebook, before: set[str]) -> list[str]:
    """Objects that were not there before, but for jobs that are known and their pods."""
    kinds = "pods,services,configmaps,secrets,persistentvolumeclaims,jobs"
    items = json.loads(notebook.kubectl("get", kinds, "--output=json"))["items"]
    jobs = {item["metadata"]["name"] for item in items if item["kind"] == "Job"}
    return [
        f"{item['kind']} {item['metadata']['name']}"
        for item in items
        if item["metadata"]["uid"] not in before
        and item["kind"] != "Job"
        and item["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name") not in jobs
    ]


def going_on(notebook: Notebook) -> list[str]:
    items = json.loads(notebook.kubectl("get", "jobs", "--output=json"))["items"]
    return [
        item["metadata"]["name"]
        for item in items
        if not {"Complete", "Failed"} & {each["type"] for each in item["status"].get("conditions", [])}
    ]


def wait_until(look: Callable[[], list[str]], seconds: float, what: list[str]) -> None:
    deadline = time.monotonic() + seconds
    while left := look():
        assert time.monotonic() < deadline, (left, what)
        time.sleep(0.5)


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])])
def test_nothing_is_left_of_jobs_that_are_killed(notebook: Notebook, kills: int) -> None:
    items = json.loads(notebook.kubectl("get", "all,configmaps,secrets", "--output=json"))["items"]
    before = {item["metadata"]["uid"] for item in items}
    for first in range(0, kills, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, kills))
        jobs = submit(notebook, len(seeds))
        with ThreadPoolExecutor() as threads:
            told = list(threads.map(partial(kill_one, notebook), jobs, seeds))
        print("\n".join(told), flush=True)
        wait_until(lambda: going_on(notebook), 180, told)
        wait_until(lambda: left_behind(notebook, before), GONE_SECONDS, told)
        listed = notebook.run("import subprocess; subprocess.run(['spark-session', 'ls'])").stdout
        assert " running " not in listed
        assert " pending " not in listed
