"""What the chart gives its accounts, without the platform itself: accounts, roles and admission policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from dev.paths import REPOSITORY
from dev.target import Target

KINDS = (
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


def rights(target: Target, release: str, namespace: str, *values: str) -> list[dict[str, Any]]:
    """The chart's objects of those kinds.

    Args:
        target: whose helm is used.
        release: what the names of the objects begin with, `<release>-spark-notebooks`.
        namespace: of the release.
        values: as for `helm --set`.
    """
    return list(_rendered(target, release, namespace, values))


def _rendered(target: Target, release: str, namespace: str, values: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    settings = [f"--set={value}" for value in ("s3.embedded.enabled=true", *values)]
    chart = str(REPOSITORY / "charts" / "spark-notebooks")
    text = target.helm("template", release, chart, "--namespace", namespace, *settings).stdout
    for manifest in yaml.load_all(text, Loader=yaml.CSafeLoader):
        if manifest and manifest["kind"] in KINDS:
            yield manifest
