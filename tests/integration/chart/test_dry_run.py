"""The API server takes what the chart renders."""

import pytest

from tests.integration.chart.conftest import Kubectl
from tests.unit.chart.matrix import MATRIX
from tests.unit.chart.rendering import render, render_text


@pytest.mark.parametrize("name", MATRIX)
def test_the_api_server_takes_every_object_without_a_warning(kubectl: Kubectl, namespace: str, name: str) -> None:
    manifests = render_text(MATRIX[name], namespace=namespace)

    result = kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=manifests)

    assert len(result.stdout.splitlines()) == len(render(MATRIX[name], namespace=namespace))
    assert "Warning" not in result.stderr
