"""The make targets as a person types them: run, stop, lab, killed and started again."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser

from cluster import Cluster
from dev import relay
from dev.platform import Platform
from dev.ports import free_port
from dev.target import of_node
from tests.e2e import lab
from tests.e2e.conftest import WINDOW
from tests.e2e.storage import Store

ROOT = Path(__file__).parent.parent.parent
CLUSTER = os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test") + "-run"


def make(target: str, port: int, **environ: str) -> subprocess.Popen[str]:
    """Starts `make target` in a process group of its own, as a shell does; Ctrl-C is a signal to the group."""
    return subprocess.Popen(
        ["make", target, f"CLUSTER={CLUSTER}", f"PORT={port}"],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], seconds: float) -> str:
    """The output of a target that succeeds within some seconds."""
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output
    return output


@pytest.fixture
def cleared() -> Iterator[None]:
    Cluster(CLUSTER).delete()
    yield
    finish(make("cluster-delete", free_port()), 120)


@pytest.mark.usefixtures("cleared")
def test_run_survives_a_kill_and_keeps_notebooks_over_stop() -> None:
    port = free_port()
    killed = make("run", port)
    time.sleep(6)  # in the middle of the node's start
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()

    output = finish(make("run", port), 400)
    assert re.search(rf"open +http://127\.0\.0\.1:{port}\n", output)
    assert re.search(r"user .* password +\S{8,}", output)
    assert healthy(port)

    node = Cluster(CLUSTER)
    with Store.of(Platform(of_node(node))) as store:
        store.write("ada", "kept.txt", b"still here")
    first = password(output)
    finish(make("stop", port), 60)
    assert not healthy(port)
    assert not node.running

    again = finish(make("run", port), 200)
    assert password(again) == first
    with Store.of(Platform(of_node(node))) as store:
        assert store.read("ada", "kept.txt") == b"still here"
    finish(make("stop", port), 60)
    deadline = time.monotonic() + 10
    while leftovers() and time.monotonic() < deadline:  # the kernel takes a moment to bury the last ones
        time.sleep(0.2)
    assert leftovers() == []


def password(output: str) -> str:
    found = re.search(r"user .* password +(\S+)", output)
    assert found, output
    return found[1]


def healthy(port: int) -> bool:
    with contextlib.suppress(OSError, urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/hub/health", timeout=5).close()
        return True
    return False


def leftovers() -> list[str]:
    """Processes, mounts and control groups on this machine that name the node."""
    mark = f"spark-notebooks-{CLUSTER}-"
    found = [line for line in Path("/proc/mounts").read_text().splitlines() if f"clusters/{CLUSTER}" in line]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "cgroup").read_text():
                found.append(f"process {process.name}")
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{mark}*")]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"{mark}*")]
    return found


def test_taken_port_is_named_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = make("run", port)
        output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert f"Port {port} of 127.0.0.1 is taken" in output
    assert not Cluster(CLUSTER).running


def test_half_a_target_is_named() -> None:
    process = make("images", free_port(), CONTEXT="somewhere")
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "CONTEXT is set and REGISTRY is not" in output


def test_lab_runs_the_example_without_kubernetes(browser: Browser, tmp_path: Path, artifacts: Path) -> None:
    port = free_port()
    process = make("lab", port, XDG_DATA_HOME=str(tmp_path), USER="ada")
    assert process.stdout is not None
    page = browser.new_context(viewport=WINDOW).new_page()
    try:
        url = next(found[0] for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+/lab\S*", line)))
        # Nobody reads the rest, and a full pipe would stop the server.
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        page.goto(url)
        lab.wait_for_lab(page)
        lab.open_file(page, "Welcome", "Flights with Spark.ipynb")
        lab.run_all_cells(page)
        lab.save(page)
        text = next(tmp_path.rglob("Flights with Spark.ipynb")).read_text()
        outputs = [output for cell in nbformat.reads(text, as_version=4).cells for output in cell.get("outputs", [])]
        assert [output for output in outputs if output.output_type == "error"] == []
        assert any("image/png" in output.get("data", {}) for output in outputs)
    finally:
        page.screenshot(path=artifacts / "20-lab.png")
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
        drain.wait(timeout=10)
    relay.require_free(tmp_path, port)  # nothing is left listening
