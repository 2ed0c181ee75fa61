"""The platform's embedded S3 server, seen from outside: what is really stored."""

import base64
import contextlib
import io
import json
import socket
import subprocess
import time
from collections.abc import Iterator

import boto3
import pandas
from botocore.config import Config

from dev.platform import Platform
from dev.ports import free_port


class Store:
    """Objects of the platform's bucket, by user and path."""

    def __init__(self, client: object, bucket: str = "notebooks", prefix: str = "users") -> None:
        self.client = client
        self.bucket = bucket
        self.prefix = prefix

    @classmethod
    @contextlib.contextmanager
    def of(cls, platform: Platform) -> Iterator["Store"]:
        """Opens a port-forward to the embedded server and signs in with its own keys."""
        target, namespace, name = platform.target, platform.namespace, f"{platform.release}-s3"
        secret = json.loads(target.kubectl("--namespace", namespace, "get", "secret", name, "--output=json").stdout)
        keys = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        port = free_port()
        forward = subprocess.Popen(
            target.kubectl_command(
                "--namespace", namespace, "port-forward", "--address=127.0.0.1", f"service/{name}", f"{port}:7070"
            ),
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for_port(port, forward)
            client = boto3.client(
                "s3",
                endpoint_url=f"http://127.0.0.1:{port}",
                region_name="us-east-1",
                aws_access_key_id=keys["access-key"],
                aws_secret_access_key=keys["secret-key"],
                config=Config(s3={"addressing_style": "path"}),
            )
            yield cls(client)
        finally:
            forward.terminate()
            forward.wait()

    def key(self, user: str, path: str) -> str:
        return f"{self.prefix}/{user}/{path}"

    def read(self, user: str, path: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=self.key(user, path))["Body"].read()

    def write(self, user: str, path: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self.key(user, path), Body=body)

    def keys(self, user: str, path: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.key(user, path))
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read_frame(self, user: str, path: str) -> pandas.DataFrame:
        """A Parquet file, or the Parquet files of a folder, as one frame."""
        keys = [key for key in self.keys(user, path) if key.endswith(".parquet")]
        bodies = (self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys)
        return pandas.concat([pandas.read_parquet(io.BytesIO(body)) for body in bodies], ignore_index=True)


def wait_for_port(port: int, process: subprocess.Popen[bytes] | subprocess.Popen[str], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the port-forward ended with exit code {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on 127.0.0.1:{port} after {seconds} s")
