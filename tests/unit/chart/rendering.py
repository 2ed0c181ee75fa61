"""Renders the chart with the real helm binary."""

import base64
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from dev.toolchain import binary

CHART = Path(__file__).parents[3] / "charts" / "spark-notebooks"

Manifest = dict[str, Any]


def helm(*arguments: str | Path, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs helm, with values on its standard input when given."""
    return subprocess.run(
        [binary("helm"), *arguments, *(() if values is None else ("--values", "-"))],
        input=None if values is None else json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
    )


def render_text(
    values: Mapping[str, Any], release: str = "notebooks", namespace: str = "platform", chart: Path = CHART
) -> str:
    result = helm("template", release, chart, "--namespace", namespace, values=values)
    assert result.returncode == 0, result.stderr
    return result.stdout


def render(
    values: Mapping[str, Any], release: str = "notebooks", namespace: str = "platform", chart: Path = CHART
) -> list[Manifest]:
    return parsed(render_text(values, release, namespace, chart))


def parsed(text: str) -> list[Manifest]:
    """The objects of a rendered chart; read by the parser in C, which takes a seventh of the time."""
    return [manifest for manifest in yaml.load_all(text, Loader=yaml.CSafeLoader) if manifest]


def refusal(values: Mapping[str, Any], namespace: str = "platform") -> str:
    """Why helm refuses these values."""
    result = helm("template", "notebooks", CHART, "--namespace", namespace, values=values)
    assert result.returncode != 0, "helm took these values"
    return result.stderr


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def get(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    found = [manifest for manifest in of_kind(manifests, kind) if manifest["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def pod_spec(deployment: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def containers(deployment: Manifest) -> Iterator[dict[str, Any]]:
    spec = pod_spec(deployment)
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


def decoded(secret: Manifest) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}


def hub_values(manifests: Iterable[Manifest], name: str = "notebooks-spark-notebooks-hub") -> dict[str, Any]:
    """The configuration that the hub reads."""
    values: dict[str, Any] = json.loads(decoded(get(manifests, "Secret", name))["values.json"])
    return values


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Values as Helm merges a second file into a first."""
    result = dict(base)
    for key, value in change.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
