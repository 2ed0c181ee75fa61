"""Jobs that are started on a machine outside of the cluster: this one, with a kubeconfig."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster import Cluster
from dev.paths import REPOSITORY
from tests.support.notebook_pod import Notebook, notebook_with_s3
from tests.support.rights import rights

from .test_submit import wait_until_nothing_is_left

OUTSIDE = """
import sys
from spark_session import get_spark_session
with get_spark_session() as spark:
    print("counted", spark.range(1000).count(), sys.argv[1:])
sys.exit(3)
"""


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with notebook_with_s3(
        node, tmp_path_factory.mktemp("s3"), "test-submit-outside", {"pods": 8}, {"max_executors": 2}
    ) as made:
        yield made


@pytest.mark.long
def test_a_job_is_started_and_followed_from_a_machine_outside(
    notebook: Notebook, node: Cluster, tmp_path: Path
) -> None:
    told = notebook.run("from spark_session.batch.here import tell; tell()")
    assert told.returncode == 0, told.stderr
    config = yaml.safe_load(node.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": notebook.kubectl("create", "token", "notebook").strip()}
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    (tmp_path / "outside.py").write_text(OUTSIDE)
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY / "spark_session" / "src"),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "SPARK_NOTEBOOKS_S3_HOME": "s3://notebooks/users/ada",
        **notebook.store.environment(),
    }

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        program = (sys.executable, "-m", "spark_session.batch.command", *words)
        return subprocess.run(program, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)

    submit = ("submit", "outside.py", "--executors", "1", "--", "a")
    refused = command(*submit)
    assert (refused.returncode, "allowed by workspace.admission.jobsFromOutside" in refused.stderr) == (2, True), (
        refused.stderr
    )
    policies = rights(notebook.target, notebook.namespace, "default", "workspace.admission.jobsFromOutside=true")
    for each in policies:
        if each["kind"] == "ValidatingAdmissionPolicy":
            notebook.target.kubectl("apply", "--filename=-", stdin=json.dumps(each))
    deadline = time.monotonic() + 30
    while (done := command(*submit)).returncode == refused.returncode:  # the API server sees policies after a moment
        assert time.monotonic() < deadline, done.stderr
    assert (done.returncode, "counted 1000 ['a']" in done.stdout) == (3, True), (done.stdout, done.stderr)
    name = done.stderr.split()[1]
    assert name in command("ls").stdout
    assert command("logs", name).stdout == done.stdout
    again = command("rerun", name, "--no-wait")
    assert again.returncode == 0, again.stderr
    assert command("cancel", again.stdout.strip()).returncode == 0
    (tmp_path / "kubeconfig").write_text(
        json.dumps(config | {"users": [{"name": each["name"], "user": {}} for each in config["users"]]})
    )
    nobody = command("ls")
    assert (nobody.returncode, "Traceback" in nobody.stderr) == (2, False)
    assert "Kubernetes refuses" in nobody.stderr
    wait_until_nothing_is_left(notebook, cancelled=again.stdout.strip())
