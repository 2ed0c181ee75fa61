"""The platform as its users meet it: start times, click to Lab, image sizes."""

import json
import os
import time
import urllib.request
from pathlib import Path

from cluster import Cluster
from dev import images
from dev.platform import evaluation_values
from tests.bench.report import Row, row
from tests.e2e import lab
from tests.e2e.conftest import Running, install, visit
from tests.support.browser import chromium

USER = "bench"
RUNS = int(os.environ.get("BENCH_RUNS", "3"))


def measure() -> list[Row]:
    """Starts the node, installs the chart, and measures on them."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test"))
    node.up()
    running = install(node)
    rows = starts(node, running)
    return rows + click_to_lab(running) + sizes(running.images)


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
    with chromium() as browser, visit(browser, running, Path(".bench"), USER) as visitor:
        visitor.sign_in()
        for number in range(RUNS):
            begin = time.monotonic()
            lab.start_instance(visitor)
            times.append(time.monotonic() - begin)
            if number < RUNS - 1:
                lab.stop_instance(visitor)
    return [row("click to Lab", "s", times)]


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
