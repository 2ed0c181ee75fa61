"""A versitygw S3 server on this machine, for the tests and for the laptop mode."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dev.ports import free_port

REGION = "us-east-1"
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


class S3ServerError(RuntimeError):
    """The server did not start; the text says why and where its log is."""


class S3Server:
    """A persistent S3 server on the loopback interface, or at another address of this machine, with versioning and random root keys.

    Objects are kept in ``data_dir/objects`` and their older versions in ``data_dir/versions``; both survive a
    restart. The keys are new at each start, because the server does not store them. The file system must have
    extended attributes (ext4, xfs, btrfs), which hold the objects' metadata. With ``iam_socket`` it knows the users of the
    versitygw IAM that listens there, too.

    >>> with S3Server(Path("/var/tmp/s3")) as server:
    ...     server.create_bucket("notebooks")
    ...     subprocess.run(["jupyter", "lab"], env=os.environ | server.environment())
    """

    def __init__(
        self, data_dir: Path, port: int | None = None, host: str = "127.0.0.1", iam_socket: Path | None = None
    ) -> None:
        self.data_dir = data_dir
        self.host = host
        self.iam_socket = iam_socket
        self.port = port or free_port()
        self.access_key = secrets.token_hex(10).upper()
        self.secret_key = secrets.token_urlsafe(30)
        self.log_file = data_dir / "versitygw.log"
        # A path that no other process on this port would know.
        self._health = f"/health-{secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """URL of the S3 API, for example ``http://127.0.0.1:41237``."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id while the server runs."""
        return self._process.pid if self._process else None

    def environment(self) -> dict[str, str]:
        """Environment variables with which any AWS SDK, s3fs and Spark find this server."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises S3ServerError when the port is taken, the folder cannot be used, or the server ends at once.
        """
        from dev.toolchain import binary

        objects, versions = self.data_dir / "objects", self.data_dir / "versions"
        for folder in (objects, versions):
            folder.mkdir(parents=True, exist_ok=True)
        # A caller that is killed cannot stop its server: the kernel then does.
        command = ["setpriv", "--pdeathsig", "KILL", str(binary("versitygw"))]
        command += ["--port", f"{self.host}:{self.port}", "--region", REGION, "--keep-alive"]
        command += ["--quiet", "--health", self._health]
        if self.iam_socket is not None:
            command += ["--iam-standalone-endpoint", str(self.iam_socket)]
        command += ["posix", "--versioning-dir", str(versions), str(objects)]
        environment = os.environ | {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key}
        with self.log_file.open("wb") as log:
            # Its own session: Ctrl-C reaches our caller, which stops the server after its last use.
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server; nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @cached_property
    def client(self) -> Any:
        """A botocore S3 client with the root keys."""
        import botocore.session

        return botocore.session.get_session().create_client(
            "s3",
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )

    def create_bucket(self, name: str, versioning: bool = False) -> None:
        """Create a bucket; an existing one is left as it is."""
        client = self.client
        if name not in (bucket["Name"] for bucket in client.list_buckets()["Buckets"]):
            client.create_bucket(Bucket=name)
        if versioning:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait(self) -> None:
        assert self._process is not None
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.02)
        tail = self.log_file.read_text(errors="replace").strip().splitlines()[-5:]
        raise S3ServerError(
            f"The S3 server did not start on {self.endpoint}: {' / '.join(tail) or 'it gave no reason'}. "
            f"Its whole log is {self.log_file}."
        )

    def _answers(self) -> bool:
        connection = HTTPConnection(self.host, self.port, timeout=1)
        try:
            connection.request("GET", self._health)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
