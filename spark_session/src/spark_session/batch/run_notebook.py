"""The main process of a job that is a notebook: runs it, saves what came of it on S3, and ends as it ended.

    python -m spark_session.batch.run_notebook URL SHA256 FOLDER PARAMETERS

FOLDER is where the notebook is ("s3://..."), PARAMETERS are JSON. The notebook is run by a process of its own, so that what was computed up to then is saved
whatever ends it. Why a cell failed is written where Kubernetes reads the last words of a container.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from spark_session.another_try import TRY_AGAIN
from spark_session.batch import s3
from spark_session.batch.remember import LAST_WORDS, Findings, remembered
from spark_session.batch.run import cleared_away, fetched, leave_words, run, take_along
from spark_session.environment import HOME_VARIABLE, JOB_VARIABLE, NOTEBOOK_VARIABLE, UNATTENDED_VARIABLE
from spark_session.errors import SparkSessionError

PATIENCE = 15.0
"""Seconds that a notebook has for its end, of the 30 that Kubernetes gives the pod: the rest is for saving it."""


def main(arguments: Sequence[str], last_words: Path = LAST_WORDS) -> int:
    """Run a notebook; returns the exit code."""
    findings = Findings()
    return remembered(os.environ, lambda: _main(arguments, last_words, findings), last_words, findings)


def _main(arguments: Sequence[str], last_words: Path, findings: Findings) -> int:
    url, digest, folder, parameters = arguments
    try:
        source = fetched(url, digest)
        take_along(os.environ)
    except SparkSessionError as error:
        print(error, file=sys.stderr)
        return TRY_AGAIN
    saved = address(folder, source.name, os.environ.get(JOB_VARIABLE, "job"), datetime.now(UTC))
    with cleared_away(findings):
        code, words = _run(source, parameters, variables(os.environ, folder, source.name), saved, findings)
    if words:
        leave_words(words, last_words)
    return code


def address(folder: str, name: str, job: str, now: datetime) -> str:
    """Where an executed notebook is saved: in a folder beside it that has its name.

    Args:
        folder: that the notebook is in, "s3://...".
        name: of the notebook's file.
        job: name of the job.
        now: the time, which makes the names of all executions different, and puts them in their order.
    """
    return f"{folder}/{PurePosixPath(name).stem}/{now:%Y-%m-%dT%H-%M-%S}-{job}.ipynb"


def variables(ours: Mapping[str, str], folder: str, name: str) -> dict[str, str]:
    """What the kernel finds in its environment of the notebook that it runs, as in a kernel of JupyterLab; ours: this process's own variables."""
    found = {UNATTENDED_VARIABLE: "1", "JPY_SESSION_NAME": name}
    home = f"{ours.get(HOME_VARIABLE, '').rstrip('/')}/"
    if f"{folder}/".startswith(home):
        found[NOTEBOOK_VARIABLE] = f"{folder}/{name}".removeprefix(home)
    return found


def _run(
    source: Path, parameters: str, environment: Mapping[str, str], saved: str, findings: Findings
) -> tuple[int, str]:
    """Exit code of a notebook, and what there is to say of its end."""
    executed, words = source.with_name(f"executed-{source.name}"), source.with_name("words")
    command = [sys.executable, "-m", "spark_session.batch.execute", *map(str, (source, executed, words)), parameters]
    code = run(command, environment, PATIENCE)
    said = words.read_text(encoding="utf-8") if words.exists() else ""
    try:
        content = executed.read_bytes()
        json.loads(content)
        s3.write(saved, content, "The executed notebook cannot be saved.")
    except (OSError, ValueError):
        # It came to nothing, or was killed while it was being written.
        problem = "There is no executed notebook."
    except SparkSessionError as error:
        problem = str(error)
    else:
        findings.executed = saved
        print(f"The executed notebook is {saved}", file=sys.stderr)
        return code, said
    print(problem, file=sys.stderr)
    return code or 1, f"{said} {problem}".lstrip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
