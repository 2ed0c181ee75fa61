"""A script as a job beside the same script in the notebook's own terminal, alternating: what `submit` adds until it has ended."""

import json
import os
import sys
import tempfile
from pathlib import Path

from cluster import Cluster
from tests.bench.report import Row, row
from tests.support.notebook_pod import Notebook, notebook_with_s3

RUNS = int(os.environ.get("BENCH_RUNS", "5"))

IN_POD = """
import json, subprocess, sys, time
from pathlib import Path

Path("/tmp/script.py").write_text('''
from spark_session import get_spark_session
with get_spark_session(executors=1) as spark:
    print(spark.range(1000).selectExpr("sum(id)").first()[0])
''')

started = time.monotonic()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True, check=True)
seconds = time.monotonic() - started
assert "499500" in done.stdout, (done.stdout, done.stderr)
print(json.dumps(seconds))
"""
TERMINAL = ("python", "/tmp/script.py")
SUBMIT = ("spark-session", "submit", "/tmp/script.py")


def measure() -> list[Row]:
    """Starts the node and a notebook pod, and measures in it."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test"))
    node.up()
    # Executors of tests do without the optimizing compiler; these have it, as people's do.
    with (
        tempfile.TemporaryDirectory() as folder,
        notebook_with_s3(node, Path(folder), "bench-batch", {"pods": 4}, {"conf": {}}) as notebook,
    ):
        return compare(notebook)


def compare(notebook: Notebook) -> list[Row]:
    """Both ways in turns, RUNS times each, and once before, which fetches what is fetched once."""
    terminal, submitted = [], []
    for number in range(RUNS + 1):
        figures = []
        for command in (TERMINAL, SUBMIT):
            figures.append(once(notebook, command))
            notebook.wait_until_executors_are_gone()
        print(f"terminal {figures[0]:.1f} s, job {figures[1]:.1f} s", file=sys.stderr, flush=True)
        if number:
            terminal.append(figures[0])
            submitted.append(figures[1])
    added = [job - alone for job, alone in zip(submitted, terminal, strict=True)]
    return [
        row("a script with 1 executor: submit --wait beside the terminal", "s", submitted, terminal),
        row("a script with 1 executor: what submit --wait adds", "s", added, goal="<= 3 s"),
    ]


def once(notebook: Notebook, command: tuple[str, ...]) -> float:
    """Seconds of one command in the notebook's pod, with a cold JVM."""
    output = notebook.kubectl("exec", "--stdin", notebook.name, "--", "python", "-", *command, stdin=IN_POD)
    seconds: float = json.loads(output.splitlines()[-1])
    return seconds
