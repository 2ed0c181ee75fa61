"""The life of a release on the node: install, upgrade, uninstall, install again. Each test begins where the one before it ended."""

import base64
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import Cluster
from dev import images
from dev.platform import image_value
from dev.toolchain import binary
from tests.integration.chart.conftest import Kubectl
from tests.unit.chart.rendering import CHART, merged

RELEASE = "chart-test-spark-notebooks"
COMPONENTS = ("hub", "proxy", "s3")


@pytest.fixture(scope="module")
def values(node: Cluster) -> dict[str, Any]:
    references = images.build(["hub", "proxy", "s3-server"], push_to=node.registry)
    return {
        "hub": {"image": image_value(references["hub"])},
        "proxy": {"chp": {"image": image_value(references["proxy"])}},
        "s3": {"embedded": {"enabled": True, "image": image_value(references["s3-server"]), "storage": "100Mi"}},
    }


class Release:
    """The release in its namespace, by helm and kubectl."""

    def __init__(self, node: Cluster, kubectl: Kubectl, namespace: str) -> None:
        self.node, self.kubectl, self.namespace = node, kubectl, namespace

    def install(self, values: dict[str, Any]) -> str:
        """Installs or upgrades and waits until all pods are ready; gives Helm's notes."""
        return self._helm(
            "upgrade", "--install", RELEASE, str(CHART), "--wait", "--timeout=240s", "--values=-", stdin=values
        )

    def uninstall(self) -> None:
        self._helm("uninstall", RELEASE, "--wait")

    def pods(self) -> dict[str, str]:
        """The name of each component's pod."""
        items = self.get("pods", "--selector=app.kubernetes.io/instance=" + RELEASE)["items"]
        alive = [pod["metadata"] for pod in items if "deletionTimestamp" not in pod["metadata"]]
        return {pod["labels"]["app.kubernetes.io/component"]: pod["name"] for pod in alive}

    def keys(self) -> dict[str, str]:
        """Everything in the release's Secrets but the hub's values."""
        secrets = [self.get("secret", f"{RELEASE}-{component}")["data"] for component in ("hub", "s3")]
        return {key: value for data in secrets for key, value in data.items() if key != "values.json"}

    def hub_values(self) -> dict[str, Any]:
        """The values as the running hub reads them."""
        found: dict[str, Any] = json.loads(self.inside("hub", "cat", "/etc/spark-notebooks/hub/values.json"))
        return found

    def inside(self, component: str, *command: str) -> str:
        return self.kubectl(
            "--namespace", self.namespace, "exec", f"deployment/{RELEASE}-{component}", "--", *command
        ).stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.kubectl("--namespace", self.namespace, "get", *arguments, "--output=json").stdout
        )
        return found

    def _helm(self, *arguments: str, stdin: dict[str, Any] | None = None) -> str:
        result = subprocess.run(
            [binary("helm"), "--kubeconfig", self.node.kubeconfig, "--namespace", self.namespace, *arguments],
            input=json.dumps(stdin),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, (
            result.stderr + self.kubectl("--namespace", self.namespace, "describe", "pods").stdout
        )
        return result.stdout


@pytest.fixture(scope="module")
def release(node: Cluster, kubectl: Kubectl, namespace: str, values: dict[str, Any]) -> Iterator[Release]:
    release = Release(node, kubectl, namespace)
    notes = release.install(values)
    assert "NOBODY CAN SIGN IN YET" in notes
    yield release
    release.uninstall()


def test_all_parts_run_under_restricted_pod_security(release: Release) -> None:
    assert release.pods().keys() == set(COMPONENTS)
    for component in COMPONENTS:
        assert release.inside(component, "id", "-u").strip() == "1000"


def test_the_parts_reach_each_other(release: Release) -> None:
    check = (
        "import os, sys, urllib.request as r; h = {'Authorization': 'token ' + os.environ['CONFIGPROXY_AUTH_TOKEN']}; "
        "print([r.urlopen(r.Request(u, headers=h), timeout=5).status for u in sys.argv[1:]])"
    )
    urls = [
        f"http://{RELEASE}-proxy-api:8001/api/routes",
        f"http://{RELEASE}-proxy-public/hub/login",
        f"http://{RELEASE}-s3.{release.namespace}.svc:7070/_/health",
    ]

    assert release.inside("hub", "python", "-c", check, *urls).strip() == "[200, 200, 200]"


def test_an_upgrade_without_a_change_restarts_nothing_and_keeps_the_keys(
    release: Release, values: dict[str, Any]
) -> None:
    pods, keys = release.pods(), release.keys()

    release.install(values)

    assert release.pods() == pods
    assert release.keys() == keys
    assert keys.keys() == {"cookie-secret", "proxy-token", "crypt-key", "access-key", "secret-key"}


@pytest.mark.long
def test_another_notebook_image_restarts_the_hub_alone(release: Release, values: dict[str, Any]) -> None:
    pods, keys = release.pods(), release.keys()

    release.install(merged(values, {"singleuser": {"image": {"tag": "next"}}}))

    changed = {component for component in COMPONENTS if release.pods()[component] != pods[component]}
    assert changed == {"hub"}
    assert release.keys() == keys
    assert release.hub_values()["singleuser"]["image"]["tag"] == "next"


def test_what_was_stored_outlives_the_release(release: Release, values: dict[str, Any]) -> None:
    release.inside("s3", "mkdir", "/data/objects/kept")
    volume = release.get("pvc", f"{RELEASE}-s3")["metadata"]["uid"]

    release.uninstall()

    assert release.pods() == {}
    assert [claim["metadata"]["name"] for claim in release.get("pvc")["items"]] == [f"{RELEASE}-s3"]
    release.install(values)
    assert release.get("pvc", f"{RELEASE}-s3")["metadata"]["uid"] == volume
    assert "kept" in release.inside("s3", "ls", "/data/objects").split()


def test_the_generated_keys_are_hexadecimal(release: Release) -> None:
    for name, value in release.keys().items():
        if name != "access-key":
            assert len(bytes.fromhex(base64.b64decode(value).decode())) == 32
