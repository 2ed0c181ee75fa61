"""Generated keys, and Secrets of the admin in their place."""

import base64
import binascii
from typing import Any

import pytest

from tests.unit.chart.matrix import EMBEDDED, GITOPS, MATRIX
from tests.unit.chart.rendering import Manifest, containers, decoded, get, of_kind, render, render_text

HUB = "notebooks-spark-notebooks-hub"
S3 = "notebooks-spark-notebooks-s3"


def test_the_hubs_keys_are_generated_as_jupyterhub_reads_them() -> None:
    secret = decoded(get(render(EMBEDDED), "Secret", HUB))

    assert secret.keys() == {"values.json", "cookie-secret", "proxy-token", "crypt-key"}
    assert len(binascii.a2b_hex(secret["cookie-secret"])) == 32
    assert len(binascii.a2b_hex(secret["crypt-key"])) == 32
    assert len({secret["cookie-secret"], secret["crypt-key"], secret["proxy-token"]}) == 3


def test_no_two_installations_have_the_same_keys() -> None:
    first, second = (decoded(get(render(EMBEDDED), "Secret", HUB)) for _ in range(2))

    assert all(first[key] != second[key] for key in ("cookie-secret", "proxy-token", "crypt-key"))


def test_the_embedded_server_has_a_fixed_id_and_a_generated_key() -> None:
    first, second = (decoded(get(render(EMBEDDED), "Secret", S3)) for _ in range(2))

    assert first["access-key"] == second["access-key"]
    assert first["secret-key"] != second["secret-key"]
    assert len(first["secret-key"]) == 64


def test_given_s3_keys_are_used() -> None:
    secret = get(render(MATRIX["aws"]), "Secret", S3)

    assert decoded(secret) == {"access-key": "AKIAEXAMPLE", "secret-key": "planted-secret-key"}
    assert base64.b64decode(secret["data"]["secret-key"]).decode() == "planted-secret-key"


@pytest.mark.parametrize("name", ["gitops", "gitops embedded"])
def test_rendering_without_a_cluster_is_repeatable_with_secrets_of_the_admin(name: str) -> None:
    assert render_text(MATRIX[name]) == render_text(MATRIX[name])


def test_rendering_with_generated_keys_is_not() -> None:
    assert render_text(EMBEDDED) != render_text(EMBEDDED)


def test_with_secrets_of_the_admin_the_chart_makes_no_keys() -> None:
    secrets = of_kind(render(GITOPS), "Secret")

    assert [(secret["metadata"]["name"], list(secret["data"])) for secret in secrets] == [(HUB, ["values.json"])]


@pytest.mark.parametrize(
    ("values", "hub", "s3"),
    [(EMBEDDED, HUB, S3), (MATRIX["gitops embedded"], "hub-secrets", "notebooks-s3")],
    ids=["generated", "the admin's"],
)
def test_every_part_reads_the_same_keys(values: dict[str, Any], hub: str, s3: str) -> None:
    manifests = render(values)

    assert secret_variables(manifests, "hub") == {
        "JPY_COOKIE_SECRET": (hub, "cookie-secret"),
        "CONFIGPROXY_AUTH_TOKEN": (hub, "proxy-token"),
        "JUPYTERHUB_CRYPT_KEY": (hub, "crypt-key"),
        "AWS_ACCESS_KEY_ID": (s3, "access-key"),
        "AWS_SECRET_ACCESS_KEY": (s3, "secret-key"),
    }
    assert secret_variables(manifests, "proxy") == {"CONFIGPROXY_AUTH_TOKEN": (hub, "proxy-token")}
    assert secret_variables(manifests, "s3") == {
        "ROOT_ACCESS_KEY_ID": (s3, "access-key"),
        "ROOT_SECRET_ACCESS_KEY": (s3, "secret-key"),
    }


def test_the_notebooks_volume_outlives_the_release_and_the_hubs_does_not() -> None:
    manifests = render(EMBEDDED)

    annotations = get(manifests, "PersistentVolumeClaim", S3)["metadata"]["annotations"]
    assert annotations == {"helm.sh/resource-policy": "keep"}
    assert "annotations" not in get(manifests, "PersistentVolumeClaim", HUB)["metadata"]


def secret_variables(manifests: list[Manifest], component: str) -> dict[str, tuple[str, str]]:
    deployment = get(manifests, "Deployment", f"notebooks-spark-notebooks-{component}")
    references = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]
        for container in containers(deployment)
        for variable in container.get("env", [])
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    return {name: (reference["name"], reference["key"]) for name, reference in references.items()}
