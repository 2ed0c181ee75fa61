"""Settings that one component gives another, by hub, proxy and S3 server."""

from typing import Any

import pytest

from tests.unit.chart.matrix import EMBEDDED, MATRIX
from tests.unit.chart.rendering import Manifest, containers, get, merged, of_kind, pod_spec, render

NAME = "notebooks-spark-notebooks"


def container(manifests: list[Manifest], component: str) -> dict[str, Any]:
    (found,) = pod_spec(get(manifests, "Deployment", f"{NAME}-{component}"))["containers"]
    return dict(found)


@pytest.mark.parametrize(("values", "path"), [(EMBEDDED, "/hub"), (MATRIX["ingress"], "/science/notebooks/hub")])
def test_the_base_url_reaches_probes_error_pages_and_ingress(values: dict[str, Any], path: str) -> None:
    manifests = render(values)

    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container(manifests, "hub")[probe]["httpGet"]["path"] == f"{path}/health"
    assert f"--error-target=http://{NAME}-hub:8081{path}/error" in container(manifests, "proxy")["args"]
    for ingress in of_kind(manifests, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            assert rule["http"]["paths"][0]["path"] == path.removesuffix("hub")


def test_the_proxy_serves_browsers_and_the_hub_on_all_addresses() -> None:
    assert container(render(EMBEDDED), "proxy")["args"] == [
        "configurable-http-proxy",
        "--ip=",
        "--port=8000",
        "--api-ip=",
        "--api-port=8001",
        f"--default-target=http://{NAME}-hub:8081",
        f"--error-target=http://{NAME}-hub:8081/hub/error",
    ]


def test_subdomains_need_host_routing() -> None:
    assert "--host-routing" in container(render(MATRIX["subdomains"]), "proxy")["args"]


@pytest.mark.parametrize(
    ("name", "volume"),
    [
        ("embedded", {"persistentVolumeClaim": {"claimName": f"{NAME}-hub"}}),
        ("memory database", {"emptyDir": {}}),
        ("postgres", {"emptyDir": {}}),
    ],
)
def test_the_hub_keeps_its_database_file_on_a_volume(name: str, volume: dict[str, Any]) -> None:
    manifests = render(MATRIX[name])

    (state,) = [
        volume
        for volume in pod_spec(get(manifests, "Deployment", f"{NAME}-hub"))["volumes"]
        if volume["name"] == "state"
    ]
    assert state == {"name": "state", **volume}


def test_the_hub_reads_its_values_where_it_looks_for_them() -> None:
    hub = container(render(EMBEDDED), "hub")

    mounts = {mount["name"]: mount["mountPath"] for mount in hub["volumeMounts"]}
    assert mounts == {"values": "/etc/spark-notebooks/hub", "state": "/srv/jupyterhub", "tmp": "/tmp"}
    assert hub["args"] == ["jupyterhub", "--config", "/opt/hub/jupyterhub_config.py"]


def test_extra_environment_is_text_or_from_elsewhere() -> None:
    environment = {variable.pop("name"): variable for variable in container(render(MATRIX["postgres"]), "hub")["env"]}

    assert environment["TZ"] == {"value": "UTC"}
    assert environment["PGPASSWORD"] == {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}


def test_the_embedded_server_signs_for_the_region_and_keeps_versions() -> None:
    server = container(render(MATRIX["embedded with keys"]), "s3")

    assert server["command"] == ["versitygw"]
    assert "--region=eu-central-2" in server["args"]
    assert server["args"][-3:] == ["posix", "--versioning-dir=/data/versions", "/data/objects"]


def test_the_embedded_servers_volume_is_as_asked() -> None:
    claim = get(render(MATRIX["embedded with keys"]), "PersistentVolumeClaim", f"{NAME}-s3")

    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"] == {"storage": "200Gi"}


def test_nothing_of_the_embedded_server_is_there_unless_enabled() -> None:
    assert not [manifest for manifest in render(MATRIX["gitops"]) if manifest["metadata"]["name"].endswith("-s3")]


def test_the_public_service_is_as_asked() -> None:
    node_port = get(render(MATRIX["node port"]), "Service", f"{NAME}-proxy-public")
    balancer = get(render(MATRIX["load balancer"]), "Service", f"{NAME}-proxy-public")

    assert node_port["spec"]["type"] == "NodePort"
    assert node_port["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30081}]
    assert balancer["metadata"]["annotations"] == {"example.org/internal": "true"}
    assert balancer["metadata"]["labels"]["team"] == "a"


def test_the_ingress_sends_each_host_to_the_proxy() -> None:
    (ingress,) = of_kind(render(MATRIX["ingress"]), "Ingress")

    spec = ingress["spec"]
    assert [rule["host"] for rule in spec["rules"]] == ["notebooks.example.org", "www.example.org"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["notebooks.example.org"], "secretName": "notebooks-tls"}]
    assert spec["rules"][0]["http"]["paths"][0]["backend"] == {
        "service": {"name": f"{NAME}-proxy-public", "port": {"name": "http"}}
    }


def test_an_ingress_without_hosts_takes_any() -> None:
    (ingress,) = of_kind(render(MATRIX["ingress for any host"]), "Ingress")

    assert [rule.keys() for rule in ingress["spec"]["rules"]] == [{"http"}]


def test_images_pull_secrets_and_policies() -> None:
    manifests = render(MATRIX["private registry"])

    hub = container(manifests, "hub")
    assert (hub["image"], hub["imagePullPolicy"]) == ("registry.example.org:5000/hub:2.1", "Always")
    proxy = container(manifests, "proxy")
    assert proxy["image"] == "localhost/spark-notebooks/proxy:0.1.0"
    assert "imagePullPolicy" not in proxy
    for deployment in of_kind(manifests, "Deployment"):
        assert pod_spec(deployment)["imagePullSecrets"] == [{"name": "registry"}, {"name": "other-registry"}]


def test_placement_of_hub_and_proxy() -> None:
    manifests = render(MATRIX["placement"])

    for component in ("hub", "proxy"):
        spec = pod_spec(get(manifests, "Deployment", f"{NAME}-{component}"))
        assert spec["nodeSelector"] == {"pool": "core"}
        assert spec["tolerations"][0]["operator"] == "Exists"
    template = get(manifests, "Deployment", f"{NAME}-hub")["spec"]["template"]["metadata"]
    assert template["labels"]["team"] == "a"
    assert template["annotations"]["example.org/scrape"] == "yes"
    assert container(manifests, "hub")["resources"]["limits"] == {"memory": "2Gi"}


def test_empty_resources_are_left_out() -> None:
    none = {"requests": None}
    manifests = render(
        merged(
            EMBEDDED,
            {
                "hub": {"resources": none},
                "proxy": {"chp": {"resources": none}},
                "s3": {"embedded": {"resources": none}},
            },
        )
    )

    for deployment in of_kind(manifests, "Deployment"):
        assert all("resources" not in each for each in containers(deployment))
