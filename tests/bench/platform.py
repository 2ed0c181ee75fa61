"""The platform as its users meet it: start times, click to Lab, Spark sessions beside stock PySpark in the same pod, image sizes."""

import json
import os
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

from cluster import Cluster
from cluster.settings import cgroup
from dev import images
from dev.platform import Platform, evaluation_values
from tests.bench.report import Row, row
from tests.e2e import lab
from tests.e2e.conftest import BROWSER, Running, install, visit

USER = "bench"
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SESSIONS = {2: "2 executors", 20: "20 executors"}


def measure() -> list[Row]:
    """Starts the node, installs the chart, and measures on them."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test"))
    node.up()
    running = install(node)
    rows = starts(node, running)
    rows += click_to_lab(running)
    for executors in SESSIONS:
        rows += sessions(running, executors, RUNS if executors < 10 else max(1, RUNS // 2))
    return rows + sizes(running.images)


def starts(node: Cluster, running: Running) -> list[Row]:
    """Warm starts: the node, and the whole platform (images known, chart installed before)."""
    nodes, platforms = [], []
    for _ in range(RUNS):
        node.down()
        begin = time.monotonic()
        node.up()
        nodes.append(time.monotonic() - begin)
        images.build(images.IMAGES, push_to=node.registry)
        running.platform.install(evaluation_values(running.images, running.accounts))
        platforms.append(time.monotonic() - begin)
    return [row("node, warm start", "s", nodes), row("platform, warm start", "s", platforms, goal="<= 90")]


def click_to_lab(running: Running) -> list[Row]:
    """From the click on "Start My Server" to a Lab that can be used, with the image on the node."""
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**BROWSER)
        with visit(browser, running, Path(".bench"), USER) as visitor:
            visitor.sign_in()
            for number in range(RUNS):
                begin = time.monotonic()
                lab.start_instance(visitor)
                times.append(time.monotonic() - begin)
                if number < RUNS - 1:
                    lab.stop_instance(visitor)
        browser.close()
    return [row("click to Lab", "s", times)]


def sessions(running: Running, executors: int, runs: int) -> list[Row]:
    """get_spark_session beside stock PySpark, alternating, in one notebook pod; CPU of all pods of the node."""
    figures: dict[str, list[dict[str, float]]] = {"ours": [], "stock": []}
    for _ in range(runs):
        for way, found in figures.items():
            found.append(session(running, way, executors))
            wait_for_executors_to_go(running.platform)
    name = SESSIONS[executors]
    goals = {"session": "", "first_result": "", "registered": "", "cpu": ""}
    titles = {
        "session": ("session", "s"),
        "first_result": ("first result", "s"),
        "registered": ("all registered", "s"),
        "cpu": ("CPU", "CPU-s"),
    }
    return [
        row(
            f"{name}: {title}",
            unit,
            [each[key] for each in figures["ours"]],
            [each[key] for each in figures["stock"]],
            goals[key],
        )
        for key, (title, unit) in titles.items()
    ]


def session(running: Running, way: str, executors: int) -> dict[str, float]:
    """One session in the notebook pod: seconds to the session, the first result and all registered; CPU-seconds."""
    node = running.platform.target.node
    assert node is not None
    # The kubelet's group below the node's: pods only, not the control plane.
    pods = f"{cgroup(node.name, node.folder)}/kubepods"
    before = cpu_seconds(pods)
    output = running.platform.target.kubectl(
        *("--namespace", f"user-{USER}", "exec", "--stdin", "notebook", "--"),
        *("python", "-", way, str(executors)),
        stdin=Path(__file__).with_name("in_pod.py").read_text(encoding="utf-8"),
    ).stdout
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    figures["cpu"] = cpu_seconds(pods) - before
    return figures


def wait_for_executors_to_go(platform: Platform, seconds: float = 60) -> None:
    platform.target.kubectl(
        *("--namespace", f"user-{USER}", "wait", "--for=delete", "pods"),
        *("--selector=spark-role=executor", f"--timeout={seconds:.0f}s"),
    )


def cpu_seconds(group: str) -> float:
    """CPU time that all pods of a node have used so far, the ended ones included (a control group keeps its children's)."""
    v1 = Path("/sys/fs/cgroup/cpuacct") / group / "cpuacct.usage"
    if v1.exists():
        return int(v1.read_text()) / 1e9
    statistics = (Path("/sys/fs/cgroup") / group / "cpu.stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in statistics if line.startswith("usage_usec")) / 1e6


def sizes(references: dict[str, str]) -> list[Row]:
    """Compressed size of each image, as a node pulls it."""
    rows = []
    for name, reference in references.items():
        registry, _, rest = reference.partition("/")
        repository, _, tag = rest.rpartition(":")
        request = urllib.request.Request(
            f"http://{registry}/v2/{repository}/manifests/{tag}",
            headers={"Accept": images.MANIFESTS},
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # the node's own registry
            manifest = json.load(response)
        rows.append(row(f"image {name}, compressed", "MB", [sum(layer["size"] for layer in manifest["layers"]) / 1e6]))
    return rows
