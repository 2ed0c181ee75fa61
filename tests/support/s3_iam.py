"""A real S3 server whose IAM makes users, as the chart runs it: two processes of versitygw."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from dev.ports import free_port
from dev.s3_server import REGION, S3Server
from dev.toolchain import binary


@dataclass(frozen=True)
class S3WithIam:
    """The S3 server, and the URL of the IAM API, which takes the same root keys."""

    s3: S3Server
    iam: str


@contextmanager
def s3_with_iam(folder: Path, host: str = "127.0.0.1") -> Iterator[S3WithIam]:
    """Both running, the IAM on the loopback interface and the S3 server at `host`; all that they keep is in `folder`."""
    port = free_port()
    # The path of a socket has at most 108 characters.
    with tempfile.TemporaryDirectory(prefix="iam-") as place:
        socket = Path(place) / "iam.sock"
        server = S3Server(folder, host=host, iam_socket=socket)
        users = folder / "iam"
        users.mkdir()
        command = ["setpriv", "--pdeathsig", "KILL", str(binary("versitygw")), "--port", f"127.0.0.1:{port}"]
        command += ["--region", REGION, "--health", "/health", "--quiet"]
        command += ["iam", "--quiet", "--dir", str(users), "--private-ports", str(socket)]
        keys = {"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key}
        log = folder / "iam.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=os.environ | keys, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(process, port, socket, log)
            with server:
                yield S3WithIam(server, f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, socket: Path, log: Path) -> None:
    deadline = time.monotonic() + 20
    while not (socket.exists() and _answers(port)):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
