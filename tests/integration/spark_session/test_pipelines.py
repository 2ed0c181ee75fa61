"""The pipeline of the documentation, and one that runs here, compiled and run by the real SDK of Kubeflow Pipelines, which has an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.paths import REPOSITORY

pytestmark = pytest.mark.long

IMAGE = "registry.example.org/notebook:1"
PIPELINE = REPOSITORY / "tests" / "support" / "pipelines" / "flights.py"
PAGE = REPOSITORY / "docs" / "researchers" / "pipelines.md"
COUNT = """
import sys
from spark_session import get_spark_session, pass_on

with get_spark_session(executors=1, conf={"spark.ui.port": 0}) as spark:
    counted = spark.range(1000).where(f"id % {sys.argv[3]} = 0").count()
if sys.argv[2] == "never":
    sys.exit(3)
pass_on(f"{counted} on {sys.argv[2]}")
"""
TELL = """
import sys
from spark_session import pass_on
pass_on(f"There were {sys.argv[1]}.")
"""


@pytest.fixture(scope="module")
def kfp() -> Path:
    """The Python that has kfp."""
    made = subprocess.run(["dev/python-env", "kfp"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return Path(made.stdout.strip()) / "bin" / "python"


@pytest.fixture
def environment(variables: dict[str, str]) -> dict[str, str]:
    """That of a laptop, whose `python` is the one that runs these tests: it has Spark."""
    return {**variables, "PATH": f"{Path(sys.executable).parent}:{variables['PATH']}"}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    for name, text in (("count.py", COUNT), ("tell.py", TELL)):
        (tmp_path / name).write_text(text)
    return tmp_path


def run(kfp: Path, environment: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    command = [kfp, PIPELINE, *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def compiled(kfp: Path, environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """What the page's own pipeline is compiled to, in a notebook whose image is IMAGE."""
    _, _, rest = PAGE.read_text().partition("```python\n")
    code, _, _ = rest.partition("```")
    notebook = {**environment, "SPARK_NOTEBOOKS_IMAGE": IMAGE}
    subprocess.run([kfp, "-c", code], env=notebook, cwd=folder, timeout=300, check=True)
    found: dict[str, Any] = yaml.safe_load((folder / "flights.yaml").read_text())
    return found


def test_it_runs_on_this_machine_and_each_step_gets_what_the_one_before_hands_on(
    kfp: Path, environment: dict[str, str], scripts: Path, tmp_path: Path
) -> None:
    done = run(kfp, environment, tmp_path / "root", scripts, "2013-01-01")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == "There were 334 on 2013-01-01."


def test_a_step_fails_where_its_script_does_and_the_next_does_not_run(
    kfp: Path, environment: dict[str, str], scripts: Path, tmp_path: Path
) -> None:
    done = run(kfp, environment, tmp_path / "root", scripts, "never")
    assert done.returncode != 0
    assert "Inner task failed" in done.stderr
    assert not list((tmp_path / "root").rglob("spark-script-2"))


def test_what_is_compiled_for_a_cluster_runs_the_script_in_the_image_and_ends_with_its_exit_code(
    kfp: Path, environment: dict[str, str], scripts: Path, tmp_path: Path
) -> None:
    pipeline = compiled(kfp, environment, tmp_path)
    container = pipeline["deploymentSpec"]["executors"]["exec-spark-script"]["container"]
    assert container["image"] == IMAGE
    entrypoint = ["tini", "--", "/opt/spark-notebooks/bin/entrypoint"]
    assert container["command"][:3] == entrypoint
    dockerfile = (REPOSITORY / "notebook-image" / "Dockerfile").read_text()
    assert f"ENTRYPOINT {json.dumps(entrypoint)}" in dockerfile
    step = pipeline["root"]["dag"]["tasks"]["spark-script"]
    assert step["inputs"]["parameters"]["script"]["runtimeValue"]["constant"] == "s3://notebooks/users/ada/count.py"
    assert step["retryPolicy"]["maxRetryCount"] == 2

    # As the cluster's launcher does it: placeholders become values, and lists become JSON.
    values = {
        "{{$.outputs.parameters['output'].output_file}}": str(tmp_path / "output"),
        "{{$.inputs.parameters['arguments']}}": json.dumps(["--day", "2013-01-01", 3.0]),
        "{{$.inputs.parameters['script']}}": str(scripts / "count.py"),
    }
    assert ran(container, values, environment) == 0
    assert (tmp_path / "output").read_text() == "334 on 2013-01-01"
    values["{{$.inputs.parameters['arguments']}}"] = json.dumps(["--day", "never", 3.0])
    assert ran(container, values, environment) == 3


def ran(container: dict[str, Any], values: dict[str, str], environment: dict[str, str]) -> int:
    """Exit code of a step's container, without the entrypoint of its image."""
    command = [*container["command"][3:], *(values.get(word, word) for word in container["args"])]
    return subprocess.run(command, env=environment, timeout=300, check=False).returncode
