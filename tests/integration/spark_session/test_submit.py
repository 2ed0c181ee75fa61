"""Jobs on a real node: from a notebook's terminal to the exit code, with nothing left behind."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from cluster import Cluster
from tests.support.notebook_pod import Notebook, notebook_with_s3

BEGIN = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
from spark_session import SparkSessionError, submit
os.chdir("/tmp")

def script(name, text):
    Path(name).write_text(text)
    return name

def command(*words):
    return subprocess.run(["spark-session", *words], capture_output=True, text=True, timeout=180)

def answer(**what):
    print(json.dumps(what))
"""

SESSION = """
import os, sys, time
from spark_session import get_spark_session
spark = get_spark_session()
tracker = spark.sparkContext._jsc.sc().statusTracker()
while len(tracker.getExecutorInfos()) < 2:  # the driver is one of them
    time.sleep(0.2)
print("counted", spark.range(1000).count(), sys.argv[1:])
"""


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with notebook_with_s3(
        node, tmp_path_factory.mktemp("s3"), "test-submit", {"pods": 12}, {"max_executors": 4}
    ) as made:
        yield made


def run(notebook: Notebook, code: str) -> dict[str, Any]:
    result = notebook.run(BEGIN + code)
    print(result.stdout, result.stderr)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def jobs(notebook: Notebook) -> list[str]:
    return notebook.kubectl("get", "jobs", "--output=name").split()


def pods_of(notebook: Notebook, job: str) -> list[str]:
    selector = f"--selector=batch.kubernetes.io/job-name={job}"
    return notebook.kubectl("get", "pods", selector, "--output=name").split()


def wait_until_nothing_is_left(notebook: Notebook, cancelled: str = "") -> None:
    """Of executors, those that have ended included, and of a job that was cancelled."""
    deadline = time.monotonic() + 60
    while left := notebook.executor_pods() + (pods_of(notebook, cancelled) if cancelled else []):
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


LOST = """
import time
import botocore.session
s3 = botocore.session.get_session().create_client("s3")
again = "Contents" in s3.list_objects_v2(Bucket="notebooks", Prefix="was-here")
s3.put_object(Bucket="notebooks", Key="was-here", Body=b"")
print("again" if again else "first")
time.sleep(0 if again else 600)
"""

# The one that is evicted is followed first: what it says at its first try is to be heard.
ENDS = {
    "lost": LOST,
    "good": "print('fine')",
    "text": "import sys; sys.exit('no such day')",
    "exception": "1 / 0",
    "last": "raise SystemExit(255)",
    "asked": "import os; os.kill(os.getpid(), 15)",
    "greedy": "held = [b'x' * 2**20 for _ in range(4096)]",
    "slow": "import time; time.sleep(600)",
}


@dataclass(frozen=True)
class End:
    """How a job ended: its name, state and exit code, what was said of it at last, its output, and what was said before."""

    name: str
    state: str
    code: int
    message: str
    out: str
    told: list[str]


@pytest.fixture(scope="module")
def ends(notebook: Notebook) -> dict[str, End]:
    """Of jobs that may be run again once, one of which is evicted."""
    code = f"""
jobs = {{
    name: submit(script(f"{{name}}.py", text), retries=1, driver_memory="512m", timeout="10s" if name == "slow" else "10m")
    for name, text in {ENDS!r}.items()
}}

def follow(job):
    out, told = [], []
    end = job.wait(out.append, told.append)
    return [job.name, end.state.value, end.code, end.message, b"".join(out).decode(), told]

answer(**{{name: follow(job) for name, job in jobs.items()}})
"""
    with ThreadPoolExecutor() as pool:
        followed = pool.submit(run, notebook, code)
        evict(notebook, "lost-", followed.done)
        return {name: End(*end) for name, end in followed.result().items()}


def evict(notebook: Notebook, prefix: str, over: Callable[[], bool]) -> None:
    """Evict the pod of a job once its script has printed "first"; over: whether there is nothing to wait for any more."""
    running = ("--selector=app.kubernetes.io/component=job", "--field-selector=status.phase=Running")
    name = ""
    while not (name and notebook.kubectl("logs", name) == "first\n"):
        if over():
            return
        time.sleep(0.2)
        found = notebook.kubectl("get", "pods", *running, "--output=name").split()
        name = next((pod.removeprefix("pod/") for pod in found if pod.startswith(f"pod/{prefix}")), "")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    path = f"/api/v1/namespaces/{notebook.namespace}/pods/{name}/eviction"
    notebook.kubectl("create", "--raw", path, "--filename=-", stdin=json.dumps(eviction))


def test_every_end_has_its_code_and_what_is_not_the_scripts_own_is_named(ends: dict[str, End]) -> None:
    assert {name: end.code for name, end in ends.items()} == {
        "lost": 0, "good": 0, "text": 1, "exception": 1, "last": 255, "asked": 143, "greedy": 137, "slow": 124
    }  # fmt: skip
    assert {name for name, end in ends.items() if end.state == "succeeded"} == {"lost", "good"}
    assert {end.state for end in ends.values()} == {"succeeded", "failed"}
    # The log of these says it; there is nothing to add.
    assert [ends[name].message for name in ("lost", "good", "text", "exception", "last")] == [""] * 5
    assert ends["asked"].message == "Something asked it to end (SIGTERM)."
    assert ends["good"].out == "fine\n"
    assert ends["text"].out == "no such day\n"
    assert "more memory than the job has (512Mi)" in ends["greedy"].message
    assert "its time limit of 10 s" in ends["slow"].message


def test_an_evicted_script_is_run_again_and_one_that_failed_by_itself_is_not(
    notebook: Notebook, ends: dict[str, End]
) -> None:
    assert ends["lost"].out == "first\nagain\n"
    assert "It begins again, in another pod." in ends["lost"].told
    assert ends["exception"].out.count("ZeroDivisionError") == 1
    for name in ("text", "exception", "last", "asked", "greedy"):
        assert len(pods_of(notebook, ends[name].name)) == 1, name


def test_a_script_runs_as_it_does_in_the_notebook_and_what_a_killed_one_leaves_is_cleared_away(
    notebook: Notebook,
) -> None:
    found = run(
        notebook,
        f"""
script("count.py", {SESSION!r} + "print(os.environ['STAGE'], open('data.csv').read()); os.kill(os.getpid(), 9)")
script("data.csv", "1;2")
along = ("--env", "STAGE=$(POD_NAME)", "--file", "/tmp/data.csv")
done = command("submit", "count.py", "--executors", "1", *along, "--", "--to", "$(POD_NAME)")
name = done.stderr.split()[1]
answer(code=done.returncode, out=done.stdout, err=done.stderr, name=name, ls=command("ls").stdout, logs=command("logs", name).stdout)
""",
    )
    assert found["code"] == 137
    assert "counted 1000 ['--to', '$(POD_NAME)']\n$(POD_NAME) 1;2\n" in found["out"]
    assert f"Job {found['name']} failed with exit code 137. Something killed it" in found["err"]
    assert found["name"].startswith("count-")
    [line] = [line for line in found["ls"].splitlines() if line.startswith(found["name"])]
    assert line.split()[1:3] == ["failed", "137"]
    assert found["logs"] == found["out"]
    wait_until_nothing_is_left(notebook)


@pytest.mark.long
def test_ctrl_c_leaves_a_job_running_where_nobody_can_be_asked_and_cancel_takes_all_of_it_away(
    notebook: Notebook,
) -> None:
    found = run(
        notebook,
        f"""
script("long.py", {SESSION!r} + "time.sleep(600)")
watching = subprocess.Popen(["spark-session", "submit", "long.py", "--executors", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    stderr=subprocess.PIPE, text=True)
first = next(line for line in watching.stdout if line.startswith("counted"))
watching.send_signal(signal.SIGINT)
_, err = watching.communicate(timeout=30)
name = err.split()[1]
ls = command("ls").stdout
cancelled = command("cancel", name)
answer(first=first, code=watching.returncode, err=err, name=name, ls=ls, cancelled=cancelled.returncode)
""",
    )
    assert "counted" in found["first"]
    assert found["code"] == 130
    assert f"{found['name']} goes on." in found["err"]
    [line] = [line for line in found["ls"].splitlines() if line.startswith(found["name"])]
    assert line.split()[1] == "running"
    assert found["cancelled"] == 0
    assert f"job.batch/{found['name']}" not in jobs(notebook)
    wait_until_nothing_is_left(notebook, found["name"])


@pytest.mark.long
def test_a_job_is_run_again_as_it_was_and_is_known_when_kubernetes_has_forgotten_it(notebook: Notebook) -> None:
    found = run(
        notebook,
        """
script("three.py", "import sys; print('ran', sys.argv[1:]); sys.exit(3)")
first = command("submit", "three.py", "--", "a b")
name = first.stderr.split()[1]
script("three.py", "print('another one')")
second = command("rerun", name)
shown = command("show", second.stderr.split()[1]).stdout
cancelled = command("cancel", name)
forgotten = command("show", name).stdout
third = command("rerun", name)
slow = submit(script("slow.py", "import time; time.sleep(600)"))
refused = command("rerun", slow.name)
slow.cancel()
answer(name=name, codes=[each.returncode for each in (first, second, third, cancelled, refused)], out=[each.stdout for each in (first, second, third)],
    shown=shown, forgotten=forgotten, refused=refused.stderr, slow=slow.name, history=command("history").stdout)
""",
    )
    name = found["name"]
    assert found["codes"] == [3, 3, 3, 0, 2]
    assert found["out"] == ["ran ['a b']\n"] * 3
    assert re.search(rf"^rerun of +{name}$", found["shown"], re.MULTILINE)
    assert re.search(r"^exit code +3$", found["forgotten"], re.MULTILINE)
    assert "its log is gone" in found["forgotten"]
    assert f"The job {found['slow']} has not ended." in found["refused"]
    lines = {line.split()[0]: line.split()[1:] for line in found["history"].splitlines()[1:]}
    assert lines[name][:2] == ["failed", "3"]
    assert lines[found["slow"]][0] == "cancelled"
    assert len([each for each in lines if each.startswith("three-")]) == 3


REPORT = """
import json
import botocore.session
s3 = botocore.session.get_session().create_client("s3")
home = os.environ["SPARK_NOTEBOOKS_S3_HOME"]
bucket, prefix = home.removeprefix("s3://").split("/", 1)

def cell(source, *tags):
    return {"cell_type": "code", "id": f"c{abs(hash(source))}", "source": source, "metadata": {"tags": list(tags)}, "outputs": [], "execution_count": None}

cells = [
    cell("n = 1", "parameters"),
    cell("from spark_session import get_spark_session\\nspark = get_spark_session()\\nprint('counted', spark.range(n).count())"),
    cell("spark.range(n).selectExpr('nothing')"),
]

def save(name, *cells):
    content = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()
    s3.put_object(Bucket=bucket, Key=f"{prefix}/work/{name}", Body=content)

def executed(folder):
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/work/{folder}/").get("Contents", [])
    return [(each["Key"], s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode()) for each in found]

save("report.ipynb", *cells)
save("slow.ipynb", cell("import time\\nprint('begins', flush=True)\\ntime.sleep(600)"))
"""


def test_a_notebook_runs_as_a_job_and_the_cell_that_failed_is_named(notebook: Notebook) -> None:
    found = run(
        notebook,
        f"""{REPORT}
unknown = command("submit", "work/report.ipynb", "-p", "m=1")
slow = submit("work/slow.ipynb")
done = command("submit", "work/report.ipynb", "--executors", "1", "-p", "n=1000")
[(key, saved)] = executed("report")
outputs = [each.get("outputs") for each in json.loads(saved)["cells"] if each["cell_type"] == "code"]
end = slow.wait(lambda line: slow.cancel() if line == b"begins\\n" else None)
deadline = time.monotonic() + 60
while not executed("slow") and time.monotonic() < deadline:
    time.sleep(0.5)
[(_, ended)] = executed("slow")
shown = command("show", done.stderr.split()[1]).stdout
answer(shown=shown, unknown=unknown.returncode, code=done.returncode, out=done.stdout, err=done.stderr, key=key, outputs=outputs,
    end=end.state.value, ended=ended)
""",
    )
    assert (found["unknown"], found["code"]) == (2, 1)
    assert "counted 1000\n" in found["out"]
    name = found["err"].split()[1]
    assert f'Job {name} failed with exit code 1. Cell In [4] failed, "spark.range(n)' in found["err"]
    assert "AnalysisException" in found["err"]
    assert found["key"].endswith(f"-{name}.ipynb")
    shown = dict(line.split(maxsplit=1) for line in found["shown"].splitlines())
    assert (shown["state"], shown["script"]) == ("failed", "report.ipynb")
    assert shown["why"].startswith("Cell In [4] failed, ")
    assert shown["digest"].startswith("sha256:")
    assert found["outputs"][-1][-1]["output_type"] == "error"
    # One that is cancelled is saved as far as it came.
    assert found["end"] == "cancelled"
    assert "KeyboardInterrupt" in found["ended"]
    wait_until_nothing_is_left(notebook)


def test_what_cannot_be_is_refused_before_anything_starts(notebook: Notebook) -> None:
    before = jobs(notebook)
    found = run(
        notebook,
        """
script("x.py", "")
asked = (["nowhere.py"], ["x.py", "--executors", "5"], ["x.py", "--timeout", "9d"])
done = [command("submit", *words) for words in asked] + [command("logs", "no-such-job"), command("cancel", "no-such-job")]
answer(codes=[each.returncode for each in done], said=[each.stderr for each in done])
""",
    )
    assert found["codes"] == [2] * 5
    words = (
        "'nowhere.py' is not there.",
        "allows 4 for a session",
        "7 days at most",
        "There is no job no-such-job.",
        "There is no job",
    )
    assert all(word in said for word, said in zip(words, found["said"], strict=True))
    assert jobs(notebook) == before
