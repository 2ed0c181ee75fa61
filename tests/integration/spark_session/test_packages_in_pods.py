"""Packages and code on executors of their own: pods of the notebook's image, which reach no index, no repository and no S3."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster
from tests.support.notebook_pod import Notebook, running_notebook
from tests.support.packages import make_environment, make_jar, make_maven_repository, make_wheel

pytestmark = pytest.mark.long

FOLDER = "/tmp/made"
IMAGE_PYTHON = "3.13"
ADMIN = {"maven_repositories": [f"file://{FOLDER}/m2"], "py_files": [f"{FOLDER}/team/src"]}


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """A notebook pod with a folder of packages and code."""
    folder = tmp_path_factory.mktemp("made")
    make_wheel(folder / "wheels", "sample_tool", "1.0", "VERSION = '1.0'\n", "sample_needs", "pandas")
    make_wheel(folder / "wheels", "sample_needs", "2.0", "VERSION = '2.0'\n")
    make_maven_repository(folder / "m2", "1.0")
    make_jar(folder / "other.jar", "org.example.Other", "other")
    make_environment(
        folder / "env.tar.gz", IMAGE_PYTHON, sample_env="VERSION = 'packed'\n", pandas="raise ImportError\n"
    )
    for name, text in (
        ("team/src/team_tools.py", "NAME = 'team'\n"),
        ("helper.py", "NUMBER = 1\n"),
        ("pack/__init__.py", ""),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with running_notebook(node, "test-packages", {"pods": 4}, ADMIN) as made:
        unpack(made, folder)
        yield made


def unpack(notebook: Notebook, folder: Path) -> None:
    """Copies a folder into the pod."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(folder, "made")
    text = base64.b64encode(packed.getvalue()).decode()
    code = f"import base64, io, tarfile\ntarfile.open(fileobj=io.BytesIO(base64.b64decode('{text}'))).extractall('/tmp', filter='data')"
    result = notebook.run(code)
    assert result.returncode == 0, result.stderr


def test_executors_have_what_the_notebook_has(notebook: Notebook) -> None:
    result = notebook.run(f"""
import json, os, socket, sys, time, warnings
from pathlib import Path
from spark_session import SparkSessionError, explain, get_spark_session

os.chdir("{FOLDER}")
os.environ |= {{"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "{FOLDER}/wheels"}}
refused = []
for bad in (
    {{"packages": "sample_nowhere"}}, {{"packages": "org.example:greeter:9"}}, {{"packages": "numpy<2"}}, {{"py_files": "nowhere.py"}},
):
    try:
        get_spark_session(executors=2, **bad)
    except SparkSessionError as error:
        refused.append(str(error))

def look(_=None):
    import helper, pack, pandas, sample_env, sample_needs, sample_tool, team_tools
    time.sleep(0.3)
    folders = sorted({{Path(module.__file__).parts[1] for module in (helper, sample_tool, sample_env, pandas)}})
    return [socket.gethostname(), sample_tool.VERSION, sample_needs.VERSION, sample_env.VERSION, helper.NUMBER, team_tools.NAME, folders]

def everywhere(spark, what):
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    while len(tracker.getExecutorInfos()) < 3:  # the driver is one of them
        time.sleep(0.2)
    return spark.sparkContext.parallelize(range(12), 12).map(what).collect()

spark = get_spark_session(executors=2, packages=["sample_tool", "org.example:greeter:1.0", "other.jar"], py_files=["helper.py", "pack"],
    environment="env.tar.gz")
seen, here = everywhere(spark, look), look()
reflected = spark.sql("select reflect('org.example.Greeter', 'greet'), reflect('org.example.Other', 'greet') from range(2)").distinct().collect()
rows = explain().rows()
spark.stop()
Path("helper.py").write_text("NUMBER = 22\\n")
with get_spark_session(executors=2, py_files="helper.py") as spark:
    import helper
    numbers = [helper.NUMBER, *everywhere(spark, lambda _: __import__("helper").NUMBER)]
print(json.dumps({{"refused": refused, "here": here, "seen": seen, "reflected": [row[:] for row in reflected], "rows": rows, "numbers": numbers}}))
""")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout.splitlines()[-1])
    assert [error.split(".")[0] for error in answer["refused"][:2]] == [
        "There is no package sample_nowhere for this Python",
        "There is no org",
    ]
    assert "numpy<2 does not go with numpy" in answer["refused"][2]
    assert "'nowhere.py' is not there" in answer["refused"][3]
    hosts = {host for host, *_ in answer["seen"]}
    assert len(hosts) == 2
    assert answer["here"][0] not in hosts
    assert answer["here"][1:-1] == ["1.0", "2.0", "packed", 1, "team"]
    # On an executor all is below its working folder, but for what the image has.
    assert all(rest == ["1.0", "2.0", "packed", 1, "team", ["home", "opt"]] for _, *rest in answer["seen"])
    assert answer["reflected"] == [["greeter 1.0", "other"]]
    assert ["admin", f"py_files: {FOLDER}/team/src", f"team_tools, from {FOLDER}/team/src"] in answer["rows"]
    assert set(answer["numbers"]) == {22}
    # Neither a warning of Python packages that differ, nor anything of what failed.
    assert "don't have the same Python" not in result.stderr
    notebook.wait_until_executors_are_gone()
