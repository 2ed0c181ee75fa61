"""A JupyterLab process of its own, with its files on S3."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from dev.paths import REPOSITORY
from dev.s3_server import S3Server


def with_files_on(server: S3Server, url: str, home: Path) -> dict[str, str]:
    """The environment of a Jupyter process whose files are at `url` and whose home folder is `home`: nothing else of this process's."""
    return {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        **server.environment(),
        "HOME": str(home),
        "PYTHONPATH": str(REPOSITORY / "notebook-image" / "s3_contents" / "src"),
        "SPARK_NOTEBOOKS_S3_HOME": url,
    }


class Jupyter:
    """A JupyterLab process and its REST API."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        self.log = folder / "jupyter.log"
        self.token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
        command += ["--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
        command += ["--ServerApp.contents_manager_class=s3_contents.S3ContentsManager"]
        command += ["--ServerApp.session_manager_class=s3_contents.S3SessionManager"]
        command += arguments
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment | {"JUPYTER_TOKEN": self.token},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if requests.get(f"{self.url}/api", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.1)
        pytest.fail(f"JupyterLab did not start: {self.log.read_text()}")

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"token {self.token}"} | options.pop("headers", {})
        url = f"{self.url}/{quote(path, safe='/?=&')}"
        return requests.request(method, url, headers=headers, timeout=60, **options)

    def contents(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.call(method, f"api/contents/{path}", **options)

    def stop(self) -> str:
        self.process.terminate()
        self.process.wait(30)
        return self.log.read_text()
