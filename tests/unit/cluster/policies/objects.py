"""Small objects of the API for the tests of network policies."""

from typing import Any

from cluster.policies.model import Namespace, Pod, Policy, read_namespace, read_pod, read_policy

NODE = "node0"


def pod(namespace: str, name: str, address: str | None, labels: dict[str, str] | None = None, **more: Any) -> Pod:
    """A running pod; `ports` are (name, protocol, number)."""
    ports = [{"name": n, "protocol": p, "containerPort": number} for n, p, number in more.get("ports", ())]
    found = read_pod(
        {
            "metadata": {"uid": f"{namespace}/{name}", "namespace": namespace, "name": name, "labels": labels or {}},
            "spec": {"nodeName": more.get("node", NODE), "containers": [{"name": "main", "ports": ports}]},
            "status": {"phase": "Running", **({"podIP": address} if address else {})},
        }
    )
    assert found
    return found


def namespace(name: str, **labels: str) -> Namespace:
    return read_namespace({"metadata": {"uid": name, "name": name, "labels": labels}})


def policy(namespace: str, spec: dict[str, Any], name: str = "p") -> Policy:
    metadata = {"uid": f"{namespace}/{name}", "resourceVersion": "1", "namespace": namespace, "name": name}
    return read_policy({"metadata": metadata, "spec": spec})
