"""A token service on this machine for the workspaces of an installation on a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubernetes_asyncio.client import Configuration

from cluster import Cluster
from dev.paths import REPOSITORY
from tests.support.hub_account import Release
from tests.support.s3_iam import S3WithIam

AUDIENCE = "test-tokens"


def service_account(node: Cluster, release: Release, hub: Configuration, folder: Path) -> Path:
    """What a pod of the token service has of its account: a folder with a token and the authority of the API server.

    Args:
        hub: how the hub reaches the API server.
        folder: where that folder is made.
    """
    account = folder / "account"
    account.mkdir()
    (account / "ca.crt").write_bytes(Path(hub.ssl_ca_cert).read_bytes())
    name, namespace = f"{release.hub.fullname}-tokens", release.hub.namespace
    (account / "token").write_text(node.kubectl("create", "token", name, "--namespace", namespace))
    return account


@contextmanager
def token_service(
    release: Release,
    hub: Configuration,
    account: Path,
    store: S3WithIam,
    *,
    host: str = "127.0.0.1",
    seconds: int = 3600,
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The running service, and its port.

    Args:
        release: installed with `s3.credentials.mode=tokenService`.
        hub: how the hub reaches the API server.
        account: by `service_account`.
        store: whose keys it gives.
        host: the address that it listens at.
        seconds: for which keys are good.
    """
    settings = {
        "api": hub.host,
        "account": str(account),
        "audience": AUDIENCE,
        "hub": str(release.hub),
        "iam": store.iam,
        "host": host,
        "seconds": seconds,
    }
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "token_service" / "src")])
    keys = store.s3.environment()
    environment = os.environ | keys | {"PYTHONPATH": path, "AWS_CONFIG_FILE": os.devnull}
    command = [sys.executable, "-m", "tests.support.token_server", json.dumps(settings)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.stdin.close()
