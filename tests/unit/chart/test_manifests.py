"""What holds for every object of the chart, whatever the values."""

from typing import Any

import pytest

from tests.unit.chart.matrix import MATRIX, PLANTED
from tests.unit.chart.rendering import CHART, Manifest, containers, decoded, get, helm, of_kind, pod_spec, render

# Secrets of the administrator.
THEIRS = ("hub-secrets", "notebooks-s3", "minting-keys", "db", "notices-webhook", "notices-smtp")
CLUSTER_WIDE = ("ClusterRole", "ValidatingAdmissionPolicy")


@pytest.fixture(params=MATRIX, scope="module")
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    return MATRIX[request.param]


@pytest.fixture(scope="module")
def manifests(values: dict[str, Any]) -> list[Manifest]:
    return render(values)


def test_lint_finds_nothing(values: dict[str, Any]) -> None:
    result = helm("lint", CHART, "--strict", "--quiet", values=values)

    assert result.returncode == 0, result.stdout
    assert "WARNING" not in result.stdout
    assert "ERROR" not in result.stdout


def test_objects_carry_the_standard_labels(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "notebooks"
        assert labels["app.kubernetes.io/name"] in ("spark-notebooks", "lab")
        assert labels["app.kubernetes.io/component"] in ("hub", "notices", "proxy", "s3", "tokens", "workspace")
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"] == "spark-notebooks-0.1.0"
        assert labels["app.kubernetes.io/version"] == "0.1.0"


def test_objects_have_different_names_and_the_releases_namespace(manifests: list[Manifest]) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(set(names)) == len(names)
    for manifest in manifests:
        cluster_wide = manifest["kind"].startswith(CLUSTER_WIDE)
        assert manifest["metadata"].get("namespace") == (None if cluster_wide else "platform")


def test_pods_satisfy_restricted_pod_security(manifests: list[Manifest]) -> None:
    deployments = of_kind(manifests, "Deployment")
    assert {manifest["metadata"]["name"].rsplit("-", 1)[1] for manifest in deployments} >= {"hub", "proxy"}
    for deployment in deployments:
        context = pod_spec(deployment)["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 1000
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod_spec(deployment).keys()
        for container in containers(deployment):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
        for volume in pod_spec(deployment).get("volumes", []):
            assert volume.keys() - {"name"} <= {"secret", "persistentVolumeClaim", "emptyDir"}


def test_only_hub_token_service_and_notices_have_an_api_token_each_of_its_own_account(
    manifests: list[Manifest],
) -> None:
    accounts = {account["metadata"]["name"] for account in of_kind(manifests, "ServiceAccount")}
    for deployment in of_kind(manifests, "Deployment"):
        if deployment["metadata"]["labels"]["app.kubernetes.io/component"] in ("hub", "notices", "tokens"):
            assert pod_spec(deployment)["serviceAccountName"] == deployment["metadata"]["name"]
            accounts.remove(deployment["metadata"]["name"])
        else:
            assert pod_spec(deployment)["automountServiceAccountToken"] is False
            assert "serviceAccountName" not in pod_spec(deployment)
    assert not accounts


def test_long_running_containers_have_probes_and_requests(manifests: list[Manifest]) -> None:
    for deployment in of_kind(manifests, "Deployment"):
        for container in pod_spec(deployment)["containers"]:
            ports = {port["name"] for port in container["ports"]}
            for probe in ("readinessProbe", "livenessProbe"):
                assert container[probe]["httpGet"]["port"] in ports
                assert container[probe]["timeoutSeconds"] >= 5
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_one_pod_at_a_time_of_each_that_keeps_something(manifests: list[Manifest]) -> None:
    for deployment in of_kind(manifests, "Deployment"):
        if deployment["metadata"]["labels"]["app.kubernetes.io/component"] == "tokens":
            assert deployment["spec"]["replicas"] >= 2
            continue
        assert deployment["spec"]["replicas"] == 1
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_selectors_find_their_pods_and_no_others(manifests: list[Manifest]) -> None:
    pods = {
        deployment["metadata"]["name"]: deployment["spec"]["template"]["metadata"]["labels"]
        for deployment in of_kind(manifests, "Deployment")
    }
    for deployment in of_kind(manifests, "Deployment"):
        assert _selected(pods, deployment["spec"]["selector"]["matchLabels"]) == [deployment["metadata"]["name"]]
    for service in of_kind(manifests, "Service"):
        (pod,) = _selected(pods, service["spec"]["selector"])
        assert service["metadata"]["name"].startswith(pod)
        ports = {
            name
            for container in containers(get(manifests, "Deployment", pod))
            for port in container.get("ports", [])
            for name in (port["name"], port["containerPort"])
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_pod_labels_hold_nothing_that_changes_with_a_version(manifests: list[Manifest]) -> None:
    for deployment in of_kind(manifests, "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & labels.keys()


def test_referenced_secrets_and_volumes_exist_or_are_the_admins(
    manifests: list[Manifest], values: dict[str, Any]
) -> None:
    ours = {manifest["metadata"]["name"]: set(manifest["data"]) for manifest in of_kind(manifests, "Secret")}
    claims = {manifest["metadata"]["name"] for manifest in of_kind(manifests, "PersistentVolumeClaim")}
    for deployment in of_kind(manifests, "Deployment"):
        for container in containers(deployment):
            for variable in container.get("env", []):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    theirs = reference["name"] in THEIRS
                    assert theirs or reference["key"] in ours[reference["name"]]
        for volume in pod_spec(deployment).get("volumes", []):
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in claims
                claims.remove(claim["claimName"])
            if secret := volume.get("secret"):
                theirs = secret["secretName"] == "notebooks-tls"
                assert theirs or {item["key"] for item in secret["items"]} <= ours[secret["secretName"]]
    assert not claims, "volumes that no pod mounts"


def test_secrets_stand_in_secrets_only(manifests: list[Manifest], values: dict[str, Any]) -> None:
    # What was told of, which the service writes: the chart puts nothing there.
    for written in of_kind(manifests, "ConfigMap"):
        assert written["metadata"]["name"].endswith("-notices")
        assert "data" not in written
    for manifest in manifests:
        if manifest["kind"] != "Secret":
            assert not [text for text in PLANTED if text in str(manifest)]


def test_nothing_is_left_of_a_template(manifests: list[Manifest]) -> None:
    texts = [str(manifest) for manifest in manifests] + [
        str(decoded(secret)) for secret in of_kind(manifests, "Secret")
    ]
    assert not [text for text in texts if "<no value>" in text or "%!" in text or "map[" in text]


def test_planted_secrets_are_really_given() -> None:
    given = str(MATRIX)
    assert all(text in given for text in PLANTED)


def test_services_have_the_names_that_the_parts_call_each_other_by() -> None:
    services = {
        manifest["metadata"]["name"]: [port["port"] for port in manifest["spec"]["ports"]]
        for manifest in of_kind(render(MATRIX["embedded"]), "Service")
    }
    assert services == {
        "notebooks-spark-notebooks-hub": [8081],
        "notebooks-spark-notebooks-proxy-api": [8001],
        "notebooks-spark-notebooks-proxy-public": [80],
        "notebooks-spark-notebooks-s3": [7070],
    }


@pytest.mark.parametrize(
    ("release", "values", "hub"),
    [
        ("notebooks", {}, "notebooks-spark-notebooks-hub"),
        ("spark-notebooks", {}, "spark-notebooks-hub"),
        ("our-spark-notebooks-2", {}, "our-spark-notebooks-2-hub"),
        ("notebooks", {"nameOverride": "lab"}, "notebooks-lab-hub"),
        ("notebooks", {"fullnameOverride": "lab"}, "lab-hub"),
        ("r" * 53, {}, "r" * 48 + "-hub"),
    ],
)
def test_names(release: str, values: dict[str, Any], hub: str) -> None:
    assert get(render(MATRIX["embedded"] | values, release=release), "Deployment", hub)


def test_names_fit_in_the_63_characters_of_a_label() -> None:
    for manifest in render(MATRIX["embedded"], release="r" * 53):
        assert len(manifest["metadata"]["name"]) <= 63 or manifest["kind"].startswith(CLUSTER_WIDE)
        assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())


def _selected(pods: dict[str, dict[str, str]], selector: dict[str, str]) -> list[str]:
    return [name for name, labels in pods.items() if selector.items() <= labels.items()]
