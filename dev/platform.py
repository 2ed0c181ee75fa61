"""The platform as a Helm release on a target: values, install, and what to say when it does not come up."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.target import Target, TargetError

CHART = Path(__file__).parent.parent / "charts" / "spark-notebooks"
NODE_PORT = 30080


@dataclass(frozen=True)
class Accounts:
    """Who can sign in to a platform for evaluation: any name with the users' password, and one admin."""

    user_password: str
    admin_password: str
    admin: str = "admin"

    @staticmethod
    def generate() -> "Accounts":
        # The shared-password authenticator asks for at least 8 and 32 characters.
        return Accounts(user_password=secrets.token_urlsafe(9), admin_password=secrets.token_urlsafe(24))


def image_value(reference: str) -> dict[str, str]:
    """A chart image value from a reference: registry:port/name:tag -> {name, tag}."""
    name, _, tag = reference.rpartition(":")
    return {"name": name, "tag": tag}


def evaluation_values(images: Mapping[str, str], accounts: Accounts) -> dict[str, Any]:
    """Chart values for one machine: embedded S3 and keys of their own for workspaces, shared passwords, requests small enough that 20 executors fit on two cores."""
    return {
        "hub": {
            "image": image_value(images["hub"]),
            "config": {
                "JupyterHub": {"authenticator_class": "shared-password"},
                "Authenticator": {"allow_all": True, "admin_users": [accounts.admin]},
                "SharedPasswordAuthenticator": {
                    "user_password": accounts.user_password,
                    "admin_password": accounts.admin_password,
                },
            },
        },
        "proxy": {
            "chp": {"image": image_value(images["proxy"])},
            "service": {"type": "NodePort", "nodePorts": {"http": NODE_PORT}},
        },
        "singleuser": {
            "image": image_value(images["notebook"]),
            "cpu": {"guarantee": 0.1},
            "memory": {"guarantee": "1G", "limit": "4G"},
        },
        "s3": {
            "createBucket": True,
            "embedded": {"enabled": True, "image": image_value(images["s3-server"])},
            "credentials": {"mode": "tokenService"},
        },
        "tokenService": {"replicas": 1},
        "spark": {"executor": {"cores": 1, "memory": "512m", "cpuRequest": 0.05}},
    }


@dataclass(frozen=True)
class Platform:
    """A release of the chart on a target."""

    target: Target
    release: str = "spark-notebooks"
    namespace: str = "spark-notebooks"

    def install(self, values: Mapping[str, Any], timeout: int = 300) -> None:
        """Installs or upgrades the release and waits until it is ready (timeout in seconds).

        Raises TargetError with Helm's message and the state of the release's pods.
        """
        if self.target.node:  # in a cluster that is not ours it may well be going on
            self._forget_killed_operation()
        result = self.target.helm(
            *("upgrade", "--install", self.release, str(CHART), "--namespace", self.namespace, "--create-namespace"),
            *("--values", "-", "--wait", "--timeout", f"{timeout}s"),
            stdin=json.dumps(values),
            check=False,
        )
        if result.returncode:
            raise TargetError(f"The chart did not install: {result.stderr.strip()}\n{self.describe()}")

    def _forget_killed_operation(self) -> None:
        """Helm takes an operation whose process was killed for one that still goes on, and refuses all others."""
        pending = "status in (pending-install,pending-upgrade,pending-rollback)"
        self.target.kubectl(
            *("--namespace", self.namespace, "delete", "secret"),
            f"--selector=owner=helm,name={self.release},{pending}",
        )

    def uninstall(self) -> None:
        """Removes the release; workspaces and volumes stay, as Helm's users expect."""
        self.target.helm("uninstall", self.release, "--namespace", self.namespace, "--wait")

    def describe(self) -> str:
        """The pods, the newest warnings and the last log lines of what is not ready, for a person to read."""
        parts = [self.target.kubectl("--namespace", self.namespace, "get", "pods", "--output=wide", check=False).stdout]
        events = self.target.kubectl(
            "--namespace", self.namespace, "get", "events", "--field-selector=type=Warning", "--output",
            'custom-columns=OBJECT:.involvedObject.name,REASON:.reason,MESSAGE:.message', check=False,
        ).stdout.splitlines()  # fmt: skip
        parts += events[-10:]
        pods = json.loads(
            self.target.kubectl("--namespace", self.namespace, "get", "pods", "--output=json", check=False).stdout
            or '{"items": []}'
        )
        for pod in pods["items"]:
            if not all(status.get("ready") for status in pod["status"].get("containerStatuses", [{}])):
                name = pod["metadata"]["name"]
                logs = self.target.kubectl("--namespace", self.namespace, "logs", name, "--tail=15", check=False)
                parts += [f"-- {name}", logs.stdout]
        return "\n".join(part for part in parts if part)
