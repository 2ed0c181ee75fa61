"""Settings that one component gives another, by hub, proxy and S3 server."""

from typing import Any

import pytest

from tests.unit.chart.matrix import EMBEDDED, MATRIX
from tests.unit.chart.rendering import Manifest, containers, get, hub_values, merged, of_kind, pod_spec, render

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


def test_the_proxy_serves_https_with_the_certificate_of_the_secret() -> None:
    manifests = render(MATRIX["https"])
    proxy = container(manifests, "proxy")
    assert {"--port=8443", "--redirect-port=8000", "--redirect-to=30443"} <= set(proxy["args"])
    assert {"--ssl-cert=/etc/spark-notebooks/tls/tls.crt", "--ssl-key=/etc/spark-notebooks/tls/tls.key"} <= set(
        proxy["args"]
    )
    assert proxy["volumeMounts"] == [{"name": "tls", "mountPath": "/etc/spark-notebooks/tls", "readOnly": True}]
    (volume,) = pod_spec(get(manifests, "Deployment", f"{NAME}-proxy"))["volumes"]
    assert volume["secret"] == {
        "secretName": "notebooks-tls",
        "items": [{"key": "fullchain.pem", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}],
    }
    for probe in ("readinessProbe", "livenessProbe"):
        assert proxy[probe]["httpGet"] == {"path": "/_chp_healthz", "port": "https", "scheme": "HTTPS"}
    ports = get(manifests, "Service", f"{NAME}-proxy-public")["spec"]["ports"]
    assert [(port["name"], port["port"], port["targetPort"], port["nodePort"]) for port in ports] == [
        ("http", 80, "http", 30082),
        ("https", 443, "https", 30443),
    ]


@pytest.mark.parametrize(
    ("values", "https"),
    [
        (EMBEDDED, False),
        (MATRIX["https"], True),
        (MATRIX["ingress"], True),
        (MATRIX["ingress for any host"], False),
        (merged(EMBEDDED, {"proxy": {"https": {"enabled": True, "type": "offload"}}}), True),
    ],
    ids=["http", "secret", "ingress with a certificate", "ingress without", "offload"],
)
def test_the_hub_knows_whether_browsers_come_by_https(values: dict[str, Any], https: bool) -> None:
    manifests = render(values)
    assert hub_values(manifests)["hub"]["https"] is https
    encrypted = any(argument.startswith("--ssl") for argument in container(manifests, "proxy")["args"])
    assert encrypted is (values is MATRIX["https"])


GATEWAY = {"name": "public", "namespace": "gateways"}
ROUTE = merged(
    EMBEDDED,
    {
        "hub": {"baseUrl": "/science/"},
        "proxy": {"https": {"enabled": True, "type": "offload"}},
        "httpRoute": {
            "enabled": True,
            "hostnames": ["notebooks.example.org"],
            "parentRefs": [GATEWAY | {"sectionName": "https"}],
            "redirectParentRefs": [GATEWAY | {"sectionName": "http"}],
        },
    },
)


def test_routes_of_a_gateway_have_the_shape_of_the_specification() -> None:
    """No node of the tests has the Gateway API: this is what its specification says of gateway.networking.k8s.io/v1, not what a gateway says."""
    route, redirect = of_kind(render(ROUTE), "HTTPRoute")
    matches = [{"path": {"type": "PathPrefix", "value": "/science/"}}]
    assert route["apiVersion"] == redirect["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert route["spec"] == {
        "parentRefs": [GATEWAY | {"sectionName": "https"}],
        "hostnames": ["notebooks.example.org"],
        "rules": [{"matches": matches, "backendRefs": [{"name": f"{NAME}-proxy-public", "port": 80}]}],
    }
    assert redirect["metadata"]["name"] == f"{NAME}-redirect"
    # A redirecting rule has no backend.
    assert redirect["spec"] == {
        "parentRefs": [GATEWAY | {"sectionName": "http"}],
        "hostnames": ["notebooks.example.org"],
        "rules": [
            {
                "matches": matches,
                "filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}],
            }
        ],
    }
    plain = merged(ROUTE, {"httpRoute": {"redirectParentRefs": [], "hostnames": []}})
    (only,) = of_kind(render(plain), "HTTPRoute")
    assert "hostnames" not in only["spec"]
