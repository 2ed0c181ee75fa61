"""The hub's own account, roles and policies on a real node, without the platform, and a client that has its rights and no others."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import new_client_from_config
from spark_notebooks_hub.workspace import HubIdentity, Workspace

from cluster import Cluster
from dev.target import of_node
from dev.toolchain import binary
from tests.support.rights import rights

Kubectl = Callable[..., Any]


@dataclass(frozen=True)
class Release:
    """An installation of which only the hub's account, roles and policies are in the cluster."""

    hub: HubIdentity
    prefix: str
    token: str

    def workspace(self, user: str, **changes: Any) -> Workspace:
        return Workspace(**({"user": user, "namespace": f"{self.prefix}{user}", "hub": self.hub} | changes))


def administrator(kubeconfig: Path) -> Kubectl:
    """Runs kubectl as the administrator; JSON output is returned as data. A failure fails the test with its message."""

    def run(*arguments: str, stdin: str | None = None) -> Any:
        command = [str(binary("kubectl")), "--kubeconfig", str(kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout) if "json" in arguments else done.stdout

    return run


@contextmanager
def installed(kubectl: Kubectl, node: Cluster, *values: str) -> Iterator[Release]:
    """The chart's account, roles and policies of the hub under a name of their own; they and all workspaces are removed at the end."""
    name = f"hubtest-{secrets.token_hex(3)}"
    prefix = f"t{secrets.token_hex(3)}-"
    given = rights(of_node(node), name, name, f"workspace.namespacePrefix={prefix}", *values)
    account = next(
        m["metadata"]["name"] for m in given if m["kind"] == "ServiceAccount" and m["metadata"]["name"].endswith("-hub")
    )
    text = yaml.safe_dump_all(given)
    kubectl("create", "namespace", name)
    try:
        kubectl("apply", "--filename", "-", stdin=text)
        token = kubectl("create", "token", account, "--namespace", name, "--duration=1h").strip()
        yield Release(HubIdentity(name, account.removesuffix("-hub")), prefix, token)
    finally:
        found = kubectl("get", "namespaces", "--output", "json")["items"]
        ours = [n["metadata"]["name"] for n in found if n["metadata"]["name"].startswith(prefix)]
        kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=text)
        kubectl("delete", "namespace", name, *ours, "--ignore-not-found", "--wait=false")


async def as_hub(kubeconfig: Path, release: Release) -> Configuration:
    """How the hub of an installation reaches the API server: with its own service account's token."""
    administrator = await new_client_from_config(str(kubeconfig))
    configuration = Configuration(host=administrator.configuration.host)
    configuration.ssl_ca_cert = administrator.configuration.ssl_ca_cert
    configuration.api_key = {"BearerToken": f"Bearer {release.token}"}
    await administrator.close()
    return configuration
