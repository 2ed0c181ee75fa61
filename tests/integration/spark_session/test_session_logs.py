"""What the sessions of a job leave behind, on a real S3 server, from a real (local) Spark."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from spark_session.batch import s3
from spark_session.batch.code import copy_of, upload

from dev.s3_server import S3Server
from dev.toolchain import ensure_programs

pytestmark = pytest.mark.long

HOME = "s3://notebooks/users/ada"
SCRIPT = """
import os
from pathlib import Path
from spark_session import get_spark_session
with get_spark_session(name="counts") as spark:
    print("counted", spark.range(1000).count(), spark.sparkContext.applicationId)
Path(os.environ["SPARK_SESSION_EXECUTOR_LOGS"], "0123abcd_3.log").write_text("last words")
"""


def test_a_job_leaves_its_event_log_and_the_words_of_its_executors_on_s3(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_programs("java")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    code = copy_of(HOME, "count.py", SCRIPT.encode())
    upload(code, SCRIPT.encode())
    # No API server answers here, which is in no job's way.
    pod = {
        "SPARK_NOTEBOOKS_S3_HOME": HOME, "SPARK_NOTEBOOKS_JOB": "count-3f09ac", "POD_NAME": "p", "POD_NAMESPACE": "x", "POD_UID": "x", "TMPDIR": str(tmp_path),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "9", "SPARK_SESSION_RECORDS": str(tmp_path / "records"), "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    command = [sys.executable, "-m", "spark_session.batch.run", code.url, code.digest]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path, env={**os.environ, **pod}
    )
    assert done.returncode == 0, done.stderr
    application = done.stdout.split()[-1]
    found = s3.names(f"{HOME}/.spark-history/eventlog_v2_{application}/", "")
    assert f"appstatus_{application}" in found
    [events] = [name for name in found if name.startswith("events_1_")]
    assert len(s3.read(f"{HOME}/.spark-history/eventlog_v2_{application}/{events}", "")) > 1000
    assert s3.names(f"{HOME}/.spark-jobs/logs/", "") == ["count-3f09ac_0123abcd_3.log"]
    assert s3.read(f"{HOME}/.spark-jobs/logs/count-3f09ac_0123abcd_3.log", "") == b"last words"
