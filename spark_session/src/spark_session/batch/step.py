"""One step of a pipeline: runs a script as a job does, in the pod that the pipeline has made, and ends with the script's exit code.

    python -m spark_session.batch.step --output FILE --arguments JSON SCRIPT

SCRIPT is a .py file of the disk or at an s3:// address, JSON a list of its arguments. FILE takes what the script hands on (`spark_session.pass_on`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from spark_session import records
from spark_session.batch.run import end_drivers, run
from spark_session.batch.source import SCRIPT, find
from spark_session.environment import HOME_VARIABLE
from spark_session.errors import SparkSessionError, show
from spark_session.passing import OUTPUT_VARIABLE

REFUSED = 2
"""Exit code where nothing was run."""


def main(arguments: Sequence[str]) -> int:
    """Run a step; returns its exit code, as a shell would tell it."""
    parser = argparse.ArgumentParser(
        prog="python -m spark_session.batch.step", description="Run one step of a pipeline."
    )
    parser.add_argument("script", help="a .py file of the disk, or its s3:// address")
    parser.add_argument("--arguments", default="[]", help="of the script: a list of texts, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the file that takes what the script hands on")
    options = parser.parse_args(arguments)
    try:
        words = parse_arguments(options.arguments)
        source = find(options.script, os.environ.get(HOME_VARIABLE) or None, None)
        if not source.name.endswith(SCRIPT):
            raise SparkSessionError(
                f"{show(source.name)} is no step of a pipeline.", "Its name does not end in .py.", "Name a Python script."
            )  # fmt: skip
    except SparkSessionError as error:
        print(error, file=sys.stderr)
        return REFUSED
    script = Path(tempfile.mkdtemp(prefix="step-")) / source.name
    script.write_bytes(source.content)
    # A pipeline takes a file that is not there for a failure.
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("")
    try:
        return run([sys.executable, str(script), *words], {OUTPUT_VARIABLE: str(options.output)})
    finally:
        end_drivers(records.folder(os.environ))


def parse_arguments(text: str) -> list[str]:
    """The arguments of a script, from JSON. Numbers are texts then, as a command line has them.

    Raises:
        SparkSessionError: it is no list of texts and numbers.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(type(each) in (str, int, float) for each in found):
        raise SparkSessionError(
            f"The arguments {show(text)} cannot be given to a script.",
            "They are a list of texts and numbers.",
            'For example arguments=["--day", "2013-01-01"].',
        )
    return [_text(each) for each in found]


def _text(argument: str | float) -> str:
    # Pipelines keep all numbers as such with a fraction: 3 comes as 3.0.
    return str(int(argument)) if isinstance(argument, float) and argument.is_integer() else str(argument)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
