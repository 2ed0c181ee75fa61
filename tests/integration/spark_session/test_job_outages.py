"""A part of the cluster goes away under a job: the API for a minute, and the node that its script runs on."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster, cgroups
from cluster.settings import cgroup
from tests.support.notebook_pod import Notebook, notebook_with_s3

pytestmark = pytest.mark.long

FIRST, WORKER = "node0", "node1"
AWAY = 60
BEGIN = """
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from spark_session import submit

def job(name, text, **options):
    Path(f"/tmp/{name}.py").write_text(text)
    return submit(f"/tmp/{name}.py", driver_memory="512m", **options)

def follow(job):
    out, told = [], []
    end = job.wait(out.append, told.append)
    return {"state": end.state.value, "code": end.code, "message": end.message, "out": b"".join(out).decode(), "told": told}

def tell(what):
    Path("/tmp/told").write_text(json.dumps(what))
    Path("/tmp/told").rename(f"/tmp/{NAME}.json")
"""


@pytest.fixture(scope="module")
def node() -> Iterator[Cluster]:
    """A cluster of this file's own: those who use the other one at the same time must not notice."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test") + "-job-outages")
    node.up(durable=False, nodes=2)
    node.kubectl("cordon", WORKER)
    yield node
    node.delete()


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    folder = tmp_path_factory.mktemp("s3")
    with notebook_with_s3(node, folder, "test-job-outages", {"pods": 12}, {"max_executors": 2}) as made:
        yield made


def begin(notebook: Notebook, name: str, code: str) -> None:
    """Start a program in the notebook that tells its end by `tell`. It goes on when nobody holds a connection to it."""
    program = f"{BEGIN}\nNAME = {name!r}\n{code}"
    started = notebook.run(
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {program!r}], stdin=subprocess.DEVNULL, stdout=open('/tmp/{name}.log', 'w'),\n"
        "    stderr=subprocess.STDOUT, start_new_session=True)\n"
    )
    assert started.returncode == 0, started.stderr


def told(notebook: Notebook, name: str) -> Any:
    """What the program has told."""
    until(
        lambda: f"{name}.json" in inside(notebook, "ls", "/tmp").split(),
        lambda: inside(notebook, "cat", f"/tmp/{name}.log"),
    )
    return json.loads(inside(notebook, "cat", f"/tmp/{name}.json"))


def inside(notebook: Notebook, *command: str) -> str:
    return notebook.kubectl("exec", notebook.name, "--", *command)


def until(condition: Callable[[], object], explain: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(1)


def printed(notebook: Notebook, prefix: str) -> str:
    """What the script of a job has printed that runs, by the beginning of its name."""
    running = ("--selector=app.kubernetes.io/component=job", "--field-selector=status.phase=Running", "--output=name")
    pods = notebook.kubectl("get", "pods", *running).split()
    return "".join(notebook.kubectl("logs", pod) for pod in pods if pod.startswith(f"pod/{prefix}-"))


def test_the_kubernetes_api_is_away_for_a_minute(notebook: Notebook, node: Cluster) -> None:
    script = f"import sys, time\nprint('begun')\ntime.sleep({AWAY + 15})\nprint('over')\nsys.exit(3)"
    [server] = [
        pid
        for pid in cgroups.processes(cgroup(node.name, node.folder), cgroups.NODE)
        if program(pid) == "kube-apiserver"
    ]
    begin(notebook, "api", f"tell(follow(job('away', {script!r})))")
    until(lambda: "begun" in printed(notebook, "away"), lambda: inside(notebook, "cat", "/tmp/api.log"))
    os.kill(server, signal.SIGSTOP)
    try:
        time.sleep(AWAY)
    finally:
        os.kill(server, signal.SIGCONT)
    end = told(notebook, "api")
    assert (end["state"], end["code"], end["message"], end["out"]) == ("failed", 3, "", "begun\nover\n")


AGAIN = """
import time
import botocore.session
s3 = botocore.session.get_session().create_client("s3")
again = "Contents" in s3.list_objects_v2(Bucket="notebooks", Prefix="was-here")
s3.put_object(Bucket="notebooks", Key="was-here", Body=b"")
print("again" if again else "first")
time.sleep(0 if again else 900)
"""
ONCE = "import time\nprint('first')\ntime.sleep(900)"


def test_the_node_of_the_script_is_lost(notebook: Notebook, node: Cluster) -> None:
    """The last test of the file: the worker does not come back. Whoever looks after the cluster gives it up."""
    node.kubectl("cordon", FIRST)
    node.kubectl("uncordon", WORKER)
    code = f"""
jobs = {{"again": job("again", {AGAIN!r}, retries=1), "once": job("once", {ONCE!r})}}
with ThreadPoolExecutor() as pool:
    tell(dict(zip(jobs, pool.map(follow, jobs.values()))))
"""
    begin(notebook, "node", code)
    started = ("again", "once")
    until(
        lambda: all("first" in printed(notebook, name) for name in started),
        lambda: inside(notebook, "cat", "/tmp/node.log"),
    )
    node.kubectl("uncordon", FIRST)
    node.lose_node(1)
    node.kubectl("delete", "node", WORKER)
    ends = told(notebook, "node")
    again, once = ends["again"], ends["once"]
    assert (again["state"], again["code"], again["message"]) == ("succeeded", 0, "")
    assert again["out"].endswith("again\n")
    assert (once["state"], once["code"]) == ("failed", 75)
    assert once["message"].endswith("Submit it again.")
    assert any(words in once["message"] for words in ("Its pod was ended from outside", "Its end was not seen"))


def program(pid: int) -> str:
    """The name of a process' program; empty where it has just ended."""
    try:
        return Path(os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])).name
    except OSError:
        return ""
