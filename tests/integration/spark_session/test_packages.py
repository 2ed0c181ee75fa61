"""Packages and code in a real session on this machine, from files, a repository and a real S3 server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dev.s3_server import S3Server
from tests.support.packages import make_environment, make_jar, make_maven_repository, make_wheel

from .conftest import Run

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ATTEMPT = """
import json, warnings
from pathlib import Path
from spark_session import SparkSessionError, explain, get_spark_session

def attempt(**arguments):
    try:
        return get_spark_session(**arguments)
    except SparkSessionError as error:
        print("REFUSED", error)
        assert error.__cause__ is None and error.__suppress_context__

def on_workers(look):
    return get_spark_session().sparkContext.parallelize([0], 1).map(look).first()
"""


@pytest.fixture
def offline(variables: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A machine whose pip knows one folder of wheels, and whose sessions know one Maven repository."""
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "sample_tool", "1.0", "VERSION = '1.0'\n", "sample_needs", "py4j")
    make_wheel(wheels, "sample_needs", "2.0", "VERSION = '2.0'\n")
    make_wheel(wheels, "sample_old", "1.0", "", "py4j<0.1")
    repository = make_maven_repository(tmp_path / "m2", "1.0")
    make_maven_repository(tmp_path / "m2", "2.0")
    folder = tmp_path / "tmp"
    folder.mkdir()
    variables["PIP_NO_INDEX"] = "1"
    variables["PIP_FIND_LINKS"] = str(wheels)
    variables["PIP_CONFIG_FILE"] = "/dev/null"
    variables["TMPDIR"] = str(folder)
    variables["SPARK_SESSION_CONFIG"] = json.dumps({"SparkSessionDefaults": {"maven_repositories": [repository]}})
    variables["SPARK_NOTEBOOKS_NOTEBOOK"] = "work/flights.ipynb"
    return variables


def left_behind(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.glob("spark-session-packages-*/*/**")]


@pytest.mark.long
def test_what_cannot_be_had_is_refused_and_leaves_nothing(run: Run, offline: dict[str, str], tmp_path: Path) -> None:
    make_environment(tmp_path / "other.tar.gz", "3.6", sample_env="")
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "sample_broken-1.0-py3-none-any.whl").write_bytes(
        (tmp_path / "wheels").joinpath("sample_tool-1.0-py3-none-any.whl").read_bytes()[:-40] + b"PK\5\6" + b"\0" * 18
    )
    result = run(
        ATTEMPT
        + """
attempt(packages="sample_nowhere")
attempt(packages="sample_tool==9")
attempt(packages=["sample_tool", "py4j<0.1"])
attempt(packages="sample_old")
attempt(packages="org.example:greeter:9")
attempt(packages=["sample_tool", "org.example:nobody:1.0"])
attempt(packages="s3://notebooks/users/ada/nowhere.jar")
attempt(packages="./sample_broken-1.0-py3-none-any.whl")
attempt(py_files="nowhere.py")
attempt(environment="other.tar.gz")
attempt(environment="broken.tar.gz")
attempt(py_files="git+file:///no/such/repository")
import sys
print([path for path in sys.path if "session" in Path(path).name])
import os, subprocess
print(subprocess.run(["find", os.environ["TMPDIR"], "-path", "*spark-session-packages-*/*"], capture_output=True, text=True).stdout.split())
print(get_spark_session().range(7).count())
""",
        offline,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    expected = [
        "There is no package sample_nowhere",
        "There is no sample_tool==9 for this Python. The newest versions that there are: 1.0.",
        "py4j<0.1 does not go with py4j",
        "sample_old does not go with py4j",
        "There is no org.example:greeter:9. file:///",
        "There is no org.example:nobody:1.0. file:///",
        "'s3://notebooks/users/ada/nowhere.jar' is not there.",
        "sample-broken has an invalid wheel",
        "'nowhere.py' is not there. There is nothing at s3://notebooks/users/ada/work/nowhere.py.",
        "'other.tar.gz' is for another Python. It holds packages of python3.6",
        "'broken.tar.gz' is broken.",
        "'git+file:///no/such/repository' cannot be fetched. git says:",
    ]
    assert len(lines) == len(expected) + 3, result.stdout
    for line, words in zip(lines, expected, strict=False):
        assert line.startswith("REFUSED")
        assert words in line
    assert lines[-3:] == ["[]", "[]", "7"]
    assert list((tmp_path / "tmp").glob("spark-session-packages-*")) == []


def test_everything_at_once(run: Run, offline: dict[str, str], tmp_path: Path, s3_server: S3Server) -> None:
    make_environment(
        tmp_path / "env.tar.gz", PYTHON, sample_env="VERSION = 'packed'\n", py4j="raise ImportError('not this one')"
    )
    repository = tmp_path / "team"
    (repository / "src").mkdir(parents=True)
    (repository / "src" / "team_tools.py").write_text("NAME = 'team'\n")
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message=one"), ("tag", "v1")):
        subprocess.run(["git", *identity, *words], cwd=repository, check=True)
    jar = make_jar(tmp_path / "other.jar", "org.example.Other", "from S3")
    wheel = make_wheel(tmp_path / "s3", "sample_s3", "1.0", "WHERE = 's3'\n")
    for name, content in (
        ("work/helper.py", b"NUMBER = 1\n"),
        ("work/pack/__init__.py", b"from pack.inner import NUMBER\n"),
        ("work/pack/inner.py", b"NUMBER = 7\n"),
        ("tools/other.jar", jar.read_bytes()),
        (f"tools/{wheel.name}", wheel.read_bytes()),
    ):
        s3_server.client.put_object(Bucket="notebooks", Key=f"users/ada/{name}", Body=content)
    result = run(
        ATTEMPT
        + f"""
arguments = dict(
    packages=["sample_tool", "py4j", "org.example:greeter:1.0", "s3://notebooks/users/ada/tools/other.jar",
              "s3://notebooks/users/ada/tools/{wheel.name}"],
    py_files=["helper.py", "pack/", "git+{repository.as_uri()}@v1#subdirectory=src"],
    environment="env.tar.gz",
)
spark = get_spark_session(**arguments)

def look(_=None):
    import helper, pack, py4j, sample_env, sample_needs, sample_s3, sample_tool, team_tools
    return [sample_tool.VERSION, sample_needs.VERSION, sample_s3.WHERE, sample_env.VERSION, helper.NUMBER, pack.NUMBER, team_tools.NAME]

print(json.dumps([look(), on_workers(look)]))
print(spark.sql("select reflect('org.example.Greeter', 'greet'), reflect('org.example.Other', 'greet') from range(1)").first()[:])
print(json.dumps(explain().rows()))
print(spark._jvm.org.example.Greeter.greet())

import s3fs
s3fs.S3FileSystem().pipe("notebooks/users/ada/work/helper.py", b"NUMBER = 22\\n")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert get_spark_session(**arguments) is spark
    print([str(warning.message) for warning in caught])
import helper
print(helper.NUMBER, on_workers(lambda _: __import__("helper").NUMBER))
spark.stop()
spark = get_spark_session(py_files="helper.py", packages="org.example:greeter:1.0")
import helper
print(helper.NUMBER, on_workers(lambda _: __import__("helper").NUMBER))
try:
    import pack
except ImportError:
    print("no pack")
spark.stop()
attempt(packages="org.example:greeter:2.0")
""",
        offline,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    modules, reflected, rows, direct, warned, old, new, gone, refused = result.stdout.splitlines()
    assert json.loads(modules) == [["1.0", "2.0", "s3", "packed", 1, 7, "team"]] * 2
    assert reflected == "('greeter 1.0', 'from S3')"
    assert direct == "greeter 1.0"
    shown = {name: text for _, name, text in json.loads(rows)}
    assert shown["package sample_needs"].startswith("2.0, installed from file://")
    assert shown["packages: py4j"].endswith(", of this Python")
    assert shown["py_files: helper.py"] == "helper, from s3://notebooks/users/ada/work/helper.py"
    assert "team_tools, at " in shown[f"py_files: git+{repository.as_uri()}@v1#subdirectory=src"]
    assert shown["packages: org.example:greeter:1.0"] == f"from {(tmp_path / 'm2').as_uri()}"
    assert "packages from " in shown["environment: env.tar.gz"]
    assert "helper.py changed since the session started." in warned
    assert old == "1 1"
    assert new == "22 22"
    assert gone == "no pack"
    assert "greeter-2.0.jar cannot be used in this kernel." in refused
    assert "org.example_greeter-1.0.jar for an earlier session" in refused
