"""Jupyter Servers with the contents managers that are compared: each in a process and a bucket of its own, reached over its REST API."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import requests

from dev.paths import REPOSITORY
from dev.ports import free_port
from dev.s3_server import S3Server

OURS, S3CONTENTS, JUPYTER_FS, LOCAL = "ours", "s3contents", "jupyter-fs", "local disk"
KINDS = (OURS, S3CONTENTS, JUPYTER_FS, LOCAL)
ENDPOINT = "AWS_ENDPOINT_URL_S3"
CHUNK_API = "/s3-contents/api/chunk"


@dataclass(frozen=True)
class Cost:
    """What an operation took: seconds, CPU seconds of the server, the longest hold-up of its event loop in seconds."""

    time: float
    cpu: float
    blocked: float


class Server:
    """One Jupyter Server."""

    def __init__(self, kind: str, s3: S3Server, endpoint: str, bucket: str, folder: Path) -> None:
        self.kind = kind
        self.bucket = bucket
        self._folder = folder
        self._s3 = s3
        self._token = secrets.token_hex(16)
        self._url = f"http://127.0.0.1:{free_port()}"
        self._variables = s3.environment() | {ENDPOINT: endpoint}
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"token {self._token}"

    def __enter__(self) -> Self:
        files = self._folder / "files"
        files.mkdir(parents=True, exist_ok=True)
        settings = self._settings()
        extensions = {"loop_watch": True} | ({"s3_contents": True} if self.kind == OURS else {})
        settings["ServerApp"] |= {"jpserver_extensions": extensions, "root_dir": str(files)}
        (self._folder / "jupyter_server_config.json").write_text(json.dumps(settings))
        packages = [REPOSITORY / "tests" / "bench" / "contents_server"]
        packages += [REPOSITORY / "notebook-image" / "s3_contents" / "src"] if self.kind == OURS else []
        port = self._url.rpartition(":")[2]
        command = [self._python(), "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"],
                cwd=self._folder,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self._folder),
                    "JUPYTER_CONFIG_DIR": str(self._folder),
                    "JUPYTER_TOKEN": self._token,
                    "PYTHONPATH": os.pathsep.join(map(str, packages)),
                    **self._variables,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError(f"{self.kind} did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """An answer of the contents API, or of another address where the path begins with a slash; it must be a good one."""
        address = path if path.startswith("/") else f"/api/contents/{self._path(path)}"
        answer = self._session.request(method, self._url + address, timeout=1800, **options)
        if not answer.ok:
            raise RuntimeError(f"{self.kind}: {method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    def cost(self, *calls: tuple[str, str, dict[str, Any]]) -> Cost:
        """What some calls take, one after the other."""
        self._blocked()
        cpu, begin = self._cpu(), time.monotonic()
        for method, path, options in calls:
            self.call(method, path, **options)
        return Cost(time.monotonic() - begin, self._cpu() - cpu, self._blocked())

    def write(self, path: str, content: bytes) -> None:
        """Put a file where the server finds it, past the server."""
        if self.kind == LOCAL:
            file = self._folder / "files" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        else:
            self._s3.client.put_object(Bucket=self.bucket, Key=path, Body=content)

    def memory(self, field: str) -> float:
        """VmRSS or VmHWM of the process, in MB."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1000

    def forget_peak(self) -> None:
        """Let VmHWM begin anew."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def _path(self, path: str) -> str:
        if self.kind != JUPYTER_FS:
            return quote(path)
        drive = hashlib.md5(f"s3://{self.bucket}fsspec".encode(), usedforsecurity=False).hexdigest()[:8]
        return f"{drive}:{quote(path)}"

    def _python(self) -> str:
        if self.kind in (OURS, LOCAL):
            return sys.executable
        command = [str(REPOSITORY / "dev" / "python-env"), "contents-peers"]
        folder = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        return f"{folder}/bin/python"

    def _settings(self) -> dict[str, dict[str, Any]]:
        if self.kind == OURS:
            manager = "s3_contents.S3ContentsManager"
            # What it asks S3 at its start, and in the background, is not part of what is measured.
            more = {"S3ContentsManager": {"url": f"s3://{self.bucket}", "probe_at_start": False, "trash_days": 0}}
        elif self.kind == S3CONTENTS:
            manager = "s3contents.S3ContentsManager"
            more = {
                "S3ContentsManager": {
                    "bucket": self.bucket,
                    "endpoint_url": self._variables[ENDPOINT],
                    "access_key_id": self._s3.access_key,
                    "secret_access_key": self._s3.secret_key,
                }
            }
        elif self.kind == JUPYTER_FS:
            manager = "jupyterfs.metamanager.MetaManager"
            resource = {"name": "s3", "url": f"s3://{self.bucket}", "type": "fsspec", "auth": "none"}
            more = {"JupyterFs": {"resources": [resource], "surface_init_errors": True}}
        else:
            manager = "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager"
            more = {}
        return {"ServerApp": {"contents_manager_class": manager}} | more

    def _answers(self) -> bool:
        try:
            return self._session.get(f"{self._url}/api", timeout=5).ok
        except requests.ConnectionError:
            return False

    def _blocked(self) -> float:
        longest: float = self._session.get(f"{self._url}/loop-watch", timeout=60).json()["longest"]
        return longest

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
