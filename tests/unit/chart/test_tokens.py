"""The token service in the chart: what it may ask, whom it knows, and where keys are."""

import json
from typing import Any

import pytest
from spark_notebooks_hub.values import parse_values
from token_service.app import TokenServiceApp
from token_service.minting.assume_role import AssumeRoleMint
from token_service.minting.iam_users import IamUsersMint
from traitlets.config import Config

from tests.unit.chart.matrix import EMBEDDED, MATRIX, TOKENS
from tests.unit.chart.rendering import Manifest, decoded, get, hub_values, merged, of_kind, refusal, render

NAME = "notebooks-spark-notebooks-tokens"
CLOUD = MATRIX["token service of a cloud"]


def settings(manifests: list[Manifest]) -> dict[str, Any]:
    return dict(json.loads(decoded(get(manifests, "Secret", NAME))["config.json"]))


def pod(manifests: list[Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = get(manifests, "Deployment", NAME)["spec"]["template"]["spec"]
    return spec


def test_it_is_there_in_its_mode_only() -> None:
    for values in (EMBEDDED, MATRIX["accounts of a cloud"]):
        assert "tokens" not in {each["metadata"]["name"].rpartition("-")[2] for each in render(values)}
    assert get(render(TOKENS), "Deployment", NAME)["spec"]["replicas"] == 2


def test_it_asks_whose_a_token_is_and_reads_namespaces_and_nothing_else() -> None:
    manifests = render(TOKENS)
    rules = get(manifests, "ClusterRole", NAME)["rules"]
    assert {(verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule["resources"]} == {
        ("create", "tokenreviews"),
        ("get", "namespaces"),
    }
    (subject,) = get(manifests, "ClusterRoleBinding", NAME)["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": NAME, "namespace": "platform"}


@pytest.mark.parametrize(("values", "mint"), [(TOKENS, IamUsersMint), (CLOUD, AssumeRoleMint)])
def test_its_configuration_is_taken(values: dict[str, Any], mint: type[object]) -> None:
    given = settings(render(values))["TokenServiceApp"]
    assert set(given) <= set(TokenServiceApp.class_traits(config=True))
    app = TokenServiceApp(config=Config({"TokenServiceApp": given}))
    assert isinstance(app.mint(), mint)
    assert (app.hub, app.roots) == ("platform/notebooks-spark-notebooks", ["users"])


def test_hub_and_service_mean_the_same_audience_and_address() -> None:
    manifests = render(TOKENS)
    credentials = hub_values(manifests)["s3"]["credentials"]
    service = get(manifests, "Service", NAME)
    (port,) = service["spec"]["ports"]
    assert credentials["tokenService"]["audience"] == settings(manifests)["TokenServiceApp"]["audience"]
    assert credentials["tokenService"]["url"] == f"http://{NAME}.platform.svc:{port['port']}"


def test_the_minting_keys_are_in_its_environment_by_reference_only() -> None:
    (container,) = pod(render(CLOUD))["containers"]
    references = {each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"]}
    assert references == dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "minting-keys")
    assert pod(render(TOKENS))["serviceAccountName"] == NAME


def test_the_embedded_server_asks_an_iam_beside_it() -> None:
    spec = get(render(TOKENS), "Deployment", "notebooks-spark-notebooks-s3")["spec"]["template"]["spec"]
    folders, iam = spec["initContainers"]
    assert (folders["name"], iam["name"], iam["restartPolicy"]) == ("folders", "iam", "Always")
    socket = next(each for each in iam["args"] if each.startswith("--private-ports=")).partition("=")[2]
    (server,) = spec["containers"]
    assert f"--iam-standalone-endpoint={socket}" in server["args"]
    plain = get(render(EMBEDDED), "Deployment", "notebooks-spark-notebooks-s3")["spec"]["template"]["spec"]
    assert "iam" not in str(plain["containers"])


def test_in_the_mode_of_a_cloud_there_are_no_keys() -> None:
    manifests = render(MATRIX["accounts of a cloud"])
    assert [each["metadata"]["name"] for each in of_kind(manifests, "Secret")] == ["notebooks-spark-notebooks-hub"]
    account = get(manifests, "ServiceAccount", "notebooks-spark-notebooks-hub")
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/hub"}
    assert hub_values(manifests)["s3"]["credentials"]["annotations"]["notebook"]
    (container,) = get(manifests, "Deployment", "notebooks-spark-notebooks-hub")["spec"]["template"]["spec"][
        "containers"
    ]
    assert not [each for each in container["env"] if each["name"].startswith("AWS_")]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (merged(TOKENS, {"tokenService": {"roleArn": "arn:x"}}), "remove them"),
        (merged(CLOUD, {"tokenService": {"roleArn": ""}}), "tokenService.roleArn is empty"),
        (merged(EMBEDDED, {"s3": {"credentials": {"mode": "serviceAccount"}}}), "knows no accounts of a cloud"),
        (merged(EMBEDDED, {"s3": {"credentials": {"annotations": {"notebook": {"a": "b"}}}}}), "annotations is set"),
        (
            merged(MATRIX["accounts of a cloud"], {"s3": {"credentials": {"existingSecret": "keys"}}}),
            "nobody has keys",
        ),
    ],
)
def test_values_that_do_not_go_together(values: dict[str, Any], text: str) -> None:
    assert text in refusal(values)


def test_it_knows_the_most_that_anybody_has_of_a_shared_folder() -> None:
    folders = [
        {"name": "flights", "prefix": "/groups/flights/", "groups": ["students"]},
        {"name": "flights", "prefix": "groups/flights", "groups": ["pilots"], "access": "write"},
        {"name": "flights", "prefix": "groups/flights", "users": ["eve"], "access": "read"},
        {"name": "course", "prefix": "courses/2026", "everyone": True},
    ]
    manifests = render(merged(TOKENS, {"singleuser": {"sharedFolders": folders}}))
    given = settings(manifests)["TokenServiceApp"]
    assert TokenServiceApp(config=Config({"TokenServiceApp": given})).shares == {
        "groups/flights": "write",
        "courses/2026": "read",
    }
    hub = parse_values(hub_values(manifests))
    assert [each.folder.writable for each in hub.singleuser.shared_folders] == [False, True, False, False]
    assert settings(render(TOKENS))["TokenServiceApp"]["shares"] == {}


def test_it_knows_the_folders_of_shared_workspaces() -> None:
    teams = [{"name": "a", "groups": ["x"], "prefix": "/teams/a/"}, {"name": "b", "groups": ["y"], "prefix": "teams/b"}]
    given = settings(render(merged(TOKENS, {"tenancy": {"workspaces": teams}})))["TokenServiceApp"]
    assert given["workspaces"] == ["teams/a", "teams/b"]
    assert settings(render(TOKENS))["TokenServiceApp"]["workspaces"] == []
