"""Which pods an upgrade restarts: those whose pod template it changes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.chart.matrix import EMBEDDED, GITOPS
from tests.unit.chart.rendering import CHART, Manifest, merged, of_kind, render

ALL = {"hub", "proxy", "s3"}


@pytest.mark.parametrize(
    ("change", "restarted"),
    [
        ({}, set()),
        ({"singleuser": {"image": {"tag": "next"}}}, {"hub"}),
        ({"singleuser": {"memory": {"limit": "8G"}}}, {"hub"}),
        ({"hub": {"config": {"JupyterHub": {"authenticator_class": "shared-password"}}}}, {"hub"}),
        ({"hub": {"db": {"pvc": {"storage": "2Gi"}}}}, set()),
        ({"hub": {"image": {"tag": "next"}}}, {"hub"}),
        ({"hub": {"extraEnv": {"TZ": "UTC"}}}, {"hub"}),
        ({"hub": {"resources": {"limits": {"memory": "2Gi"}}}}, {"hub"}),
        ({"hub": {"baseUrl": "/lab/"}}, {"hub", "proxy"}),
        ({"hub": {"existingSecret": "hub-secrets"}}, {"hub", "proxy"}),
        ({"spark": {"executor": {"memory": "2g"}}}, {"hub"}),
        ({"workspace": {"quota": {"pods": 9}}}, {"hub"}),
        ({"cull": {"timeout": 600}}, {"hub"}),
        ({"proxy": {"service": {"type": "NodePort"}}}, set()),
        ({"proxy": {"chp": {"image": {"tag": "next"}}}}, {"proxy"}),
        ({"proxy": {"chp": {"resources": {"limits": {"memory": "1Gi"}}}}}, {"proxy"}),
        ({"ingress": {"enabled": True}}, set()),
        ({"s3": {"credentials": {"accessKey": "us", "secretKey": "a-long-enough-key"}}}, {"hub", "s3"}),
        ({"s3": {"credentials": {"existingSecret": "keys"}}}, {"hub", "s3"}),
        ({"s3": {"embedded": {"storage": "20Gi"}}}, set()),
        ({"s3": {"embedded": {"image": {"tag": "next"}}}}, {"s3"}),
        ({"s3": {"prefix": "people"}}, {"hub"}),
    ],
    ids=lambda part: json.dumps(part, default=sorted),
)
def test_a_change_restarts_only_what_it_concerns(change: dict[str, Any], restarted: set[str]) -> None:
    before, after = templates(render(EMBEDDED)), templates(render(merged(EMBEDDED, change)))

    assert {component for component in ALL if before[component] != after[component]} == restarted


def test_a_new_chart_version_with_the_same_images_leaves_the_proxy_and_the_data_alone(tmp_path: Path) -> None:
    pinned = merged(
        EMBEDDED,
        {
            "hub": {"image": {"tag": "1"}},
            "proxy": {"chp": {"image": {"tag": "1"}}},
            "singleuser": {"image": {"tag": "1"}},
            "s3": {"embedded": {"image": {"tag": "1"}}},
        },
    )
    newer = shutil.copytree(CHART, tmp_path / "spark-notebooks")
    metadata = yaml.safe_load((newer / "Chart.yaml").read_text())
    (newer / "Chart.yaml").write_text(yaml.safe_dump({**metadata, "version": "0.2.0", "appVersion": "0.2.0"}))

    before, after = templates(render(pinned)), templates(render(pinned, chart=newer))

    assert {component for component in ALL if before[component] != after[component]} == {"hub"}


def test_the_hub_restarts_for_a_new_s3_key_also_where_the_server_is_not_ours() -> None:
    keys = {"s3": {"credentials": {"accessKey": "us", "secretKey": "one"}, "addresses": ["0.0.0.0/0"]}}

    before, after = (
        templates(render(values)) for values in (keys, merged(keys, {"s3": {"credentials": {"secretKey": "two"}}}))
    )

    assert before["hub"] != after["hub"]
    assert before["proxy"] == after["proxy"]


def test_secrets_of_the_admin_leave_no_trace_of_chance() -> None:
    assert templates(render(GITOPS)) == templates(render(GITOPS))


def templates(manifests: list[Manifest]) -> dict[str, Any]:
    """The pod template of each component."""
    return {
        deployment["metadata"]["labels"]["app.kubernetes.io/component"]: deployment["spec"]["template"]
        for deployment in of_kind(manifests, "Deployment")
    }
