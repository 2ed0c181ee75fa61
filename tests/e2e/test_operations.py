"""What an administrator does, and what goes wrong, while people work: a killed hub, an upgrade."""

import contextlib
import json
import random
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from dev.images import MANIFESTS
from dev.platform import evaluation_values, image_value
from tests.e2e import lab
from tests.e2e.conftest import Running, Visitor, visit
from tests.support.notebook_pod import Notebook

PERSON = "mary"

# A session that computes until it is told that it is enough, so that anything can happen to the platform meanwhile.
ENOUGH = "/tmp/enough"
LONG_JOB = f"""
import os, socket, time
from spark_session import get_spark_session
spark = get_spark_session(executors=2)
def host(number):
    return number, socket.gethostname()
def compute():
    done = spark.sparkContext.parallelize(range(40), 8).map(host).collect()
    return sum(number for number, _ in done), {{name for _, name in done}}
hosts = set()
while len(hosts) < 2:
    hosts |= compute()[1]
print("started", flush=True)
jobs = 0
while jobs < 3 or not os.path.exists("{ENOUGH}"):
    total, names = compute()
    assert total == 780, total
    assert names <= hosts, (names, hosts)
    jobs += 1
    time.sleep(1)  # the machine has other work
os.remove("{ENOUGH}")
print("sum", total, "jobs", jobs, flush=True)
"""


@pytest.fixture(scope="module")
def person(browser: Browser, running: Running, artifacts: Path) -> Iterator[Visitor]:
    with visit(browser, running, artifacts, PERSON) as visitor:
        visitor.sign_in()
        lab.start_instance(visitor)
        yield visitor
        lab.stop_instance(visitor)


@pytest.fixture(scope="module")
def notebook(running: Running) -> Notebook:
    return Notebook(running.platform.target, f"user-{PERSON}")


def pod(notebook: Notebook) -> Any:
    """As the API server has it."""
    return json.loads(notebook.kubectl("get", "pod", notebook.name, "--output=json"))


def wait_for_hub(running: Running) -> None:
    """Until the pod that takes the killed one's place answers people. The Deployment counts the killed one for a moment longer."""
    hub = ("--namespace", running.platform.namespace, "get", "pods", "--selector=app.kubernetes.io/component=hub")
    ready = "--output=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if running.platform.target.kubectl(*hub, ready).stdout == "True":
            with contextlib.suppress(OSError), opener.open(f"{running.url}/hub/health", timeout=5):
                return
        time.sleep(0.2)
    raise AssertionError("no hub came back within two minutes")


def kill_hub(running: Running) -> None:
    running.platform.target.kubectl(
        *("--namespace", running.platform.namespace, "delete", "pod", "--force", "--grace-period=0", "--wait=false"),
        "--selector=app.kubernetes.io/component=hub",
    )


def server_answers(person: Visitor, running: Running) -> None:
    """The proxy leads to the notebook, with a hub or without one."""
    response = person.page.request.get(f"{running.url}/user/{PERSON}/api/status")
    assert response.ok, response.text()


@pytest.mark.parametrize("kills", [1, pytest.param(24, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_killed_hub_leaves_servers_and_sessions_alone(
    person: Visitor, running: Running, notebook: Notebook, kills: int
) -> None:
    """Killed at any moment, in the middle of its own start among them."""
    before = pod(notebook)["metadata"]["uid"]
    job = notebook.open(LONG_JOB, stderr=subprocess.PIPE)
    assert job.stdout is not None
    chance = random.Random(kills)
    try:
        assert next(line for line in job.stdout if line.startswith("started"))
        working = notebook.executors()
        for _ in range(kills):
            kill_hub(running)
            server_answers(person, running)
            time.sleep(chance.uniform(0, 12) if kills > 1 else 0)
        wait_for_hub(running)
        server_answers(person, running)
        assert notebook.executors() == working
        notebook.kubectl("exec", notebook.name, "--", "touch", ENOUGH)
        output, errors = job.communicate(timeout=180)
        assert "sum 780" in output, errors
    finally:
        job.kill()
    person.open("/hub/home")
    expect(person.page.locator("#stop")).to_be_visible()  # the new hub knows the server
    assert pod(notebook)["metadata"]["uid"] == before


@pytest.mark.long
def test_new_image_is_in_use_from_the_next_start(person: Visitor, running: Running, notebook: Notebook) -> None:
    before = pod(notebook)
    old = running.images["notebook"]
    new = retag(old, "next")
    values = evaluation_values(running.images | {"notebook": new}, running.accounts)
    running.platform.install(values)
    try:
        after = pod(notebook)
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert after["spec"]["containers"][0]["image"] == old
        assert person.page.request.get(f"{running.url}/user/{PERSON}/api/status").ok
        lab.stop_instance(person)
        lab.start_instance(person)
        assert pod(notebook)["spec"]["containers"][0]["image"] == new
    finally:
        running.platform.install(evaluation_values(running.images, running.accounts))


def retag(reference: str, tag: str) -> str:
    """Gives an image in the node's registry a second tag."""
    registry, _, rest = reference.partition("/")
    repository = rest.rpartition(":")[0]
    url = f"http://{registry}/v2/{repository}/manifests"
    with urllib.request.urlopen(
        urllib.request.Request(f"{url}/{rest.rpartition(':')[2]}", headers={"Accept": MANIFESTS}), timeout=10
    ) as response:
        manifest, kind = response.read(), response.headers["Content-Type"]
    put = urllib.request.Request(f"{url}/{tag}", data=manifest, method="PUT", headers={"Content-Type": kind})
    urllib.request.urlopen(put, timeout=10).close()
    image = image_value(reference)
    return f"{image['name']}:{tag}"


@pytest.mark.long
def test_missing_image_is_said_and_the_next_start_works(person: Visitor, running: Running, browser: Browser) -> None:
    missing = f"{image_value(running.images['notebook'])['name']}:no-such-tag"
    lab.stop_instance(person)
    running.platform.install(evaluation_values(running.images | {"notebook": missing}, running.accounts))
    try:
        person.open("/hub/home")
        person.page.click("#start")
        expect(person.page.get_by_text("image").filter(visible=True).first).to_be_visible(timeout=120_000)
        expect(person.page.get_by_text("no-such-tag").filter(visible=True).first).to_be_visible(timeout=120_000)
        person.screenshot("11-missing-image")
    finally:
        running.platform.install(evaluation_values(running.images, running.accounts))
    lab.start_instance(person)
