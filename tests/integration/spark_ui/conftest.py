"""A real Jupyter server, a real Spark session beside it, and a browser."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from playwright.sync_api import Browser, Page
from spark_session.records import Record

from dev.lab import jars
from dev.paths import REPOSITORY
from dev.s3_server import S3Server
from dev.toolchain import ensure_programs
from spark_session import records
from tests.support.browser import WINDOW, chromium
from tests.support.spark_pages import PATIENCE

PACKAGES = ("spark_session/src", "notebook-image/spark_ui/src")
HOME = "s3://notebooks/users/ada"
HEADERS = {"headers": {"Content-Security-Policy": "frame-ancestors 'none'"}}
BASE_URL = "/user/ada@example.org/"
SCRIPT = """
import sys, threading, time
from spark_session import get_spark_session
spark = get_spark_session(name=sys.argv[1])
cached = spark.range(1000).repartition(2).cache()
cached.createOrReplaceTempView("numbers")
spark.sql("select id % 7, count(*) from numbers group by 1").collect()
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "stop":
        break
    try:
        exec(line)
    except Exception as error:
        print("failed", type(error).__name__, flush=True)
    else:
        print("done", flush=True)
spark.stop()
"""


@dataclass(frozen=True)
class Jupyter:
    """A Jupyter server of one person."""

    url: str
    token: str
    environment: dict[str, str]
    log: Path

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        """A request of a program with the person's token; path is below the base URL."""
        headers = {"Authorization": f"token {self.token}"}
        return requests.request(
            method, urljoin(self.url, path), headers=headers, timeout=60, allow_redirects=False, **options
        )  # type: ignore[arg-type]


class Driver:
    """A script with a Spark session, which runs the lines that it is sent."""

    def __init__(self, name: str, environment: dict[str, str], folder: Path) -> None:
        script = folder / f"{name}.py"
        script.write_text(SCRIPT)
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(script), name],
                env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        self.expect("ready")
        found = [one for one in records.read(records.folder(environment)) if one.name == name]
        assert len(found) == 1
        self.record: Record = found[0]

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, answer: str) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line.startswith(answer), (line, self.log.read_text())

    def end(self) -> None:
        if self.process.poll() is None:
            self.send("stop")
        self.process.wait(60)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        server.create_bucket("notebooks")
        yield server


@pytest.fixture(scope="session")
def connector() -> Path:
    """The S3 connector's jars, on a machine with Java."""
    ensure_programs("java")
    return jars()


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server, connector: Path) -> Iterator[Jupyter]:
    folder = tmp_path_factory.mktemp("jupyter")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: os.environ[name] for name in ("PATH", "JAVA_HOME", "LANG") if name in os.environ},
        **s3_server.environment(),
        "HOME": str(folder),
        "SPARK_NOTEBOOKS_S3_HOME": HOME,
        "SPARK_SESSION_JARS": str(connector),
        "TMPDIR": str(folder),
        "SPARK_SESSION_EVENT_LOGS": str(folder / f"spark-session-event-logs-{os.getuid()}"),
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / package) for package in PACKAGES),
        "SPARK_SESSION_RECORDS": str(folder / "records"),
        "JUPYTER_TOKEN": secrets.token_hex(16),
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"),
        *("--ServerApp.port_retries=0", f"--ServerApp.base_url={BASE_URL}", f"--ServerApp.root_dir={folder}"),
        "--ServerApp.jpserver_extensions=spark_ui=True",
        # As JupyterHub configures the servers of its users.
        f"--ServerApp.tornado_settings={HEADERS!r}",
    ]
    log = folder / "jupyter.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        server = Jupyter(f"http://127.0.0.1:{port}{BASE_URL}", environment["JUPYTER_TOKEN"], environment, log)
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(120)


def _wait(server: Jupyter, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{server.url}api", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail(f"Jupyter did not start: {server.log.read_text()}")


@pytest.fixture(scope="module")
def driver(jupyter: Jupyter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver("flights", jupyter.environment, tmp_path_factory.mktemp("driver"))
    yield driver
    driver.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, jupyter: Jupyter) -> Iterator[Page]:
    """A browser of the person, signed in."""
    context = browser.new_context(viewport=WINDOW)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{jupyter.url}tree?token={jupyter.token}")
    yield page
    context.close()
