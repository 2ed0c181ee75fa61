"""The make targets as a person types them: run, stop, interrupted, killed and started again, on another cluster; lab.

The tests of one node run in order, and each begins where the one before it ended.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import nbformat
import pytest
from playwright.sync_api import Browser

from cluster import Cluster
from dev import relay
from dev.platform import Accounts, Platform
from dev.ports import free_port
from dev.target import of_node
from tests.e2e import lab
from tests.e2e.conftest import Running, visit
from tests.e2e.make import CLUSTER, accounts, fail, finish, healthy, make, processes_with
from tests.e2e.storage import Store, wait_for_port
from tests.support.browser import WINDOW
from tests.support.node_watch import Watch
from tests.support.notebook_pod import TWENTY, Notebook

MARK = "SPARK_NOTEBOOKS_TEST_MARK"
PERSON = "ada"
NAMESPACE = f"user-{PERSON}"


@pytest.fixture(scope="module")
def node() -> Iterator[Cluster]:
    """The node of `make run`, which has never been started before."""
    node = Cluster(CLUSTER)
    node.delete()
    yield node
    finish(make("cluster-delete", free_port()), 120)


@pytest.fixture(scope="module")
def port() -> int:
    """Of the platform of `make run`."""
    return free_port()


@pytest.fixture(scope="module")
def mark() -> str:
    """What the processes of `make run` know each other by."""
    return str(uuid.uuid4())


def until(look: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def starts(node: Cluster, component: str) -> bool:
    """Whether the node is in the middle of its start: this component has been started."""
    return bool(node.instance.state().get("components", {}).get(component, {}).get("pid"))


@contextlib.contextmanager
def upgrade_of(node: Cluster) -> Iterator[Callable[[], str]]:
    """What waits until Helm is in the middle of an upgrade: however short that is, a watch does not miss it."""
    selector = "--selector=owner=helm,status=pending-upgrade"
    secrets = ("get", "secrets", "--namespace=spark-notebooks", selector)
    command = of_node(node).kubectl_command(*secrets, "--output=name", "--watch", "--request-timeout=120s")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        try:
            yield watching.stdout.readline
        finally:
            watching.kill()


def running_on(node: Cluster, port: int, known: Accounts) -> Running:
    """The platform, as `make run` leaves and describes it."""
    return Running(f"http://127.0.0.1:{port}", Platform(of_node(node)), known, {})


def assert_nothing_is_left(watch: Watch, mark: str) -> None:
    """No process, link, mount, control group, namespace or rule; the kernel takes a moment to bury the last ones."""
    deadline = time.monotonic() + 20
    while (left := watch.leftovers() + processes_with(MARK, mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


def test_an_interrupted_start_leaves_nothing(node: Cluster) -> None:
    mark = str(uuid.uuid4())
    watch = Watch(node)
    process = make("run", free_port(), **{MARK: mark})
    until(lambda: starts(node, "kube-apiserver"), 120)
    watch.look()
    os.killpg(process.pid, signal.SIGINT)
    output = fail(process, 60)
    assert "stopped before the end; the next `make run` goes on from here" in output
    assert "Traceback" not in output
    assert_nothing_is_left(watch, mark)


@pytest.fixture(scope="module")
def said(node: Cluster, port: int, mark: str) -> str:
    """By a `make run` that goes on after one that was killed."""
    killed = make("run", port)
    until(lambda: starts(node, "etcd"), 120)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    return finish(make("run", port, **{MARK: mark}), 400)


def test_a_start_goes_on_after_one_that_was_killed(said: str, port: int) -> None:
    assert re.search(rf"open +http://127\.0\.0\.1:{port}\n", said)
    assert healthy(port)


@pytest.mark.long
def test_twenty_executors_on_one_node(browser: Browser, artifacts: Path, node: Cluster, port: int, said: str) -> None:
    running = running_on(node, port, accounts(said))
    notebook = Notebook(running.platform.target, NAMESPACE)
    with visit(browser, running, artifacts, PERSON) as visitor:
        visitor.sign_in()
        lab.start_instance(visitor)
        ran = notebook.run(TWENTY)
        assert "hosts 20" in ran.stdout, ran.stderr[-3000:]
        # The script has ended: its executors go with it.
        until(lambda: not notebook.executor_pods(), 30)
        lab.stop_instance(visitor)


def test_what_is_stored_outlives_a_killed_upgrade_and_a_stop(node: Cluster, port: int, mark: str, said: str) -> None:
    first = accounts(finish(make("run", port), 200))
    assert first == accounts(said)
    with upgrade_of(node) as is_under_way:
        killed = make("run", port)
        assert is_under_way(), "no upgrade began"
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    watch = Watch(node)
    watch.look()
    with Store.of(Platform(of_node(node))) as store:
        store.write(PERSON, "kept.txt", b"still here")
    finish(make("stop", port), 60)
    assert not healthy(port)
    assert not node.running
    assert_nothing_is_left(watch, mark)
    assert re.search(r"^state +stopped$", finish(make("cluster-status", port), 60), re.MULTILINE)

    assert accounts(finish(make("run", port), 200)) == first
    with Store.of(Platform(of_node(node))) as store:
        assert store.read(PERSON, "kept.txt") == b"still here"
    finish(make("stop", port), 60)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_start_that_is_killed_at_any_moment(node: Cluster) -> None:
    """After each kill `make stop` leaves nothing, and now and then a start is let through to the end."""
    port = free_port()
    begun = time.monotonic()
    finish(make("run", port), 400)
    whole = time.monotonic() - begun
    finish(make("stop", port), 60)
    chance = random.Random(20)
    for number in range(24):
        mark = str(uuid.uuid4())
        watch = Watch(node)
        process = make("run", port, **{MARK: mark})
        moment = chance.uniform(0, whole)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=moment)
        watch.look()
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()
        print(f"kill {number} after {moment:.1f} of {whole:.1f} s", flush=True)
        if number % 6 == 5:
            finish(make("run", port), 400)
            assert healthy(port)
        finish(make("stop", port), 120)
        assert not healthy(port)
        assert_nothing_is_left(watch, mark)


@pytest.mark.long
def test_another_cluster_takes_the_platform(browser: Browser, artifacts: Path, node: Cluster) -> None:
    """A second node stands for any cluster that CONTEXT and REGISTRY can name."""
    node.delete()
    node.up(durable=False)
    port = free_port()
    there = {
        "KUBECONFIG": str(node.kubeconfig),
        "CONTEXT": f"spark-notebooks-{CLUSTER}",
        "REGISTRY": node.registry,
    }
    known = accounts(finish(make("run", port, **there), 400))
    running = running_on(node, port, known)
    with visit(browser, running, artifacts, PERSON) as visitor:
        visitor.sign_in()
        lab.start_instance(visitor)
        assert "Welcome" in lab.file_names(visitor.page)
        visitor.screenshot("21-another-cluster")

    assert f"the release stays in {there['CONTEXT']}" in finish(make("stop", port, **there), 60)
    assert not healthy(port)
    kubectl = running.platform.target.kubectl
    kubectl(
        "--namespace", "spark-notebooks", "wait", "deployment", "--all", "--for=condition=Available", "--timeout=5s"
    )
    kubectl("--namespace", NAMESPACE, "wait", "pod/notebook", "--for=condition=Ready", "--timeout=5s")

    assert "is not a node of this machine" in fail(make("cluster-delete", port, **there), 60)
    assert accounts(finish(make("run", port, **there), 200)) == known
    with visit(browser, running, artifacts, PERSON) as visitor:
        visitor.sign_in()
        visitor.open(f"/user/{PERSON}/lab")
        lab.wait_for_lab(visitor.page)
    finish(make("stop", port, **there), 60)


def address_of(output: IO[str]) -> str:
    """Where JupyterLab is, by what `make lab` prints."""
    said = ""
    for line in output:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+/lab\S*", line):
            return found[0]
    raise AssertionError(f"make lab has ended:\n{said}")


def test_lab_runs_the_example_without_kubernetes(browser: Browser, tmp_path: Path, artifacts: Path) -> None:
    port = free_port()
    # The session is over before the second compiler has earned what it costs.
    java = "-XX:TieredStopAtLevel=1"
    process = make("lab", port, XDG_DATA_HOME=str(tmp_path), USER=PERSON, JDK_JAVA_OPTIONS=java)
    assert process.stdout is not None
    page = browser.new_context(viewport=WINDOW).new_page()
    try:
        url = address_of(process.stdout)
        # Nobody reads the rest, and a full pipe would stop the server.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        wait_for_port(port, process)  # Jupyter says its address before it listens
        page.goto(url)
        lab.wait_for_lab(page)
        lab.open_file(page, "Welcome", "Flights with Spark.ipynb")
        lab.run_all_cells(page)
        lab.save(page)
        # As it is on S3: a copy is beside the kernel.
        text = next(tmp_path.glob("*/lab/s3/**/Flights with Spark.ipynb")).read_text()
        outputs = [output for cell in nbformat.reads(text, as_version=4).cells for output in cell.get("outputs", [])]
        assert [output for output in outputs if output.output_type == "error"] == []
        assert any("image/png" in output.get("data", {}) for output in outputs)
    finally:
        page.screenshot(path=artifacts / "20-lab.png")
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
    relay.require_free(tmp_path, port)  # nothing is left listening
