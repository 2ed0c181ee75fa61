"""The embedded S3 server with its IAM takes the command lines that the chart gives them, and the token service makes keys there with the chart's settings."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from token_service.app import TokenServiceApp
from token_service.identity import Grant
from token_service.policy import Access
from traitlets.config import Config

from dev.ports import free_port
from dev.toolchain import binary
from tests.support.answering import wait_until_it_answers
from tests.unit.chart.matrix import TOKENS
from tests.unit.chart.rendering import decoded, get, pod_spec, render

NAME = "notebooks-spark-notebooks"
KEYS = {"ROOT_ACCESS_KEY_ID": "spark-notebooks", "ROOT_SECRET_ACCESS_KEY": "0123456789abcdef"}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Both as the chart starts them, but for folders and ports; URLs of S3 and of IAM."""
    spec = pod_spec(get(render(TOKENS), "Deployment", f"{NAME}-s3"))
    folders, iam = spec["initContainers"]
    [gateway] = spec["containers"]
    s3_port, iam_port = free_port(), free_port()
    with ExitStack() as stack:
        # The path of a socket has at most 108 characters.
        socket = stack.enter_context(tempfile.TemporaryDirectory(prefix="iam-"))
        for port, container, name in ((iam_port, iam, ":7071"), (s3_port, gateway, ":7070")):
            if container is iam:
                subprocess.run([word.replace("/data", str(tmp_path)) for word in folders["command"]], check=True)
            words = [word.replace("/data", str(tmp_path)).replace("/run/iam", socket) for word in container["args"]]
            words = [word.replace(f"--port={name}", f"--port=127.0.0.1:{port}") for word in words]
            process = subprocess.Popen([binary("versitygw"), *words], env=os.environ | KEYS)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            probe = container.get("startupProbe") or container["readinessProbe"]
            wait_until_it_answers(f"http://127.0.0.1:{port}{probe['httpGet']['path']}", process)
        yield f"http://127.0.0.1:{s3_port}", f"http://127.0.0.1:{iam_port}"


async def test_a_workspaces_keys_open_its_folder(servers: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    s3_url, iam_url = servers
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["ROOT_ACCESS_KEY_ID"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["ROOT_SECRET_ACCESS_KEY"])
    client(s3_url, *KEYS.values()).create_bucket(Bucket="notebooks")
    settings = json.loads(decoded(get(render(TOKENS), "Secret", f"{NAME}-tokens"))["config.json"])
    settings["TokenServiceApp"]["endpoint"] = iam_url
    mint = TokenServiceApp(config=Config(settings)).mint()
    keys = await mint.make(Grant("user-ada", "ada", Access(("users/ada",))))
    await mint.close()

    s3 = client(s3_url, keys.access_key, keys.secret_key)
    s3.put_object(Bucket="notebooks", Key="users/ada/a", Body=b"text")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="notebooks", Key="users/bob/a", Body=b"text")


def client(url: str, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        "s3", "us-east-1", endpoint_url=url, aws_access_key_id=access_key, aws_secret_access_key=secret_key
    )
