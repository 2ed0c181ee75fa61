"""get_spark_session beside stock PySpark in the same notebook pod, alternating: waiting times, CPU of an executor, memory, a long job, encryption."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from cluster import Cluster
from tests.bench.report import Row, row
from tests.support.notebook_pod import Notebook, running_notebook

RUNS = int(os.environ.get("BENCH_RUNS", "5"))
EXECUTORS = (2, 20)
JOB_EXECUTORS = 2

# What a session of so many executors is measured by: title, unit and goal of each figure of in_pod.py.
Titles = dict[str, tuple[str, str, str]]
LOCAL: Titles = {
    "first_result": ("local session, first result", "s", "<= 0.5x"),
    "driver_memory": ("local session, memory of the idle driver JVM", "MB", "<= 1x"),
}
SESSION: dict[int, Titles] = {
    2: {
        "session": ("2 executors: session", "s", ""),
        "first_result": ("2 executors: import to first result", "s", "<= 0.45x"),
        "registered": ("2 executors: all registered", "s", ""),
        "executor_cpu": ("2 executors: CPU of one until its first Python task ends", "CPU-s", "<= 0.5x"),
        "driver_memory": ("2 executors: memory of the idle driver JVM", "MB", "<= 1x"),
        "warm_session": ("2 executors: call in a warm JVM", "s", ""),
    },
    20: {
        "session": ("20 executors: session", "s", ""),
        "first_result": ("20 executors: import to first result", "s", "<= 0.25x"),
        "registered": ("20 executors: all registered", "s", "<= 0.6x"),
        "executor_cpu": ("20 executors: CPU of one until its first Python task ends", "CPU-s", "<= 0.5x"),
        "warm_session": ("20 executors: call in a warm JVM", "s", "<= 2 s"),
    },
}
KERNEL: dict[int, Titles] = {
    2: {
        "session": ("2 executors, first cell of a notebook: session", "s", ""),
        "first_result": ("2 executors, first cell of a notebook: first result", "s", "<= 0.45x"),
    },
    20: {
        "session": ("20 executors, first cell of a notebook: session", "s", "<= 2 s"),
        "first_result": ("20 executors, first cell of a notebook: first result", "s", "<= 0.25x"),
        "registered": ("20 executors, first cell of a notebook: all registered", "s", "<= 0.6x"),
    },
}
JOB: Titles = {"job": ("2 executors: a minute of queries", "s", "<= 1.03x")}
SHUFFLE: Titles = {"shuffle": ("2 executors: 5 shuffles of 160 MB, encrypted; beside: not encrypted", "s", "")}


def measure() -> list[Row]:
    """Starts the node and a notebook pod, and measures in it."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test"))
    node.up()
    # Executors of tests do without the optimizing compiler; these have it, as people's do.
    with running_notebook(node, "bench-spark", {"pods": max(EXECUTORS) + 1}, {"conf": {}}) as notebook:
        rows = compare(notebook, "local", 0, {"ours": LOCAL})
        for executors in EXECUTORS:
            rows += compare(notebook, "session", executors, {"ours": SESSION[executors], "kernel": KERNEL[executors]})
        rows += compare(notebook, "job", JOB_EXECUTORS, {"ours": JOB})
        return rows + compare(notebook, "shuffle", JOB_EXECUTORS, {"encrypted": SHUFFLE}, beside="ours")


def compare(
    notebook: Notebook, what: str, executors: int, ways: Mapping[str, Titles], beside: str = "stock"
) -> list[Row]:
    """Each way and the one that it is compared with in turns, RUNS times each."""
    figures: dict[str, list[dict[str, float]]] = {way: [] for way in (*ways, beside)}
    for _ in range(RUNS):
        for way, found in figures.items():
            found.append(once(notebook, way, what, executors))
            notebook.wait_until_executors_are_gone()
    return [
        row(title, unit, [each[key] for each in figures[way]], [each[key] for each in figures[beside]], goal)
        for way, titles in ways.items()
        for key, (title, unit, goal) in titles.items()
    ]


def once(notebook: Notebook, way: str, what: str, executors: int) -> dict[str, float]:
    """One measurement, in a process of its own."""
    code = Path(__file__).with_name("in_pod.py").read_text(encoding="utf-8")
    output = notebook.kubectl(
        "exec", "--stdin", notebook.name, "--", "python", "-", way, what, str(executors), stdin=code
    )
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    told = ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
    print(f"{what}, {executors} executors, {way}: {told}", file=sys.stderr, flush=True)
    return figures
