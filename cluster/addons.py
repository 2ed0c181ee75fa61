"""Objects that every cluster starts with. Pure."""

from typing import Any

from cluster.settings import STORAGE_CLASS

PROVISIONER = "spark-notebooks.io/local"


def addons() -> dict[str, Any]:
    """A List for `kubectl apply`: the default storage class, and the rights of the node's own clients."""
    return {"apiVersion": "v1", "kind": "List", "items": [_storage_class(), *_rights()]}


def _storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        # All volumes are on the first node: nothing to wait for.
        "volumeBindingMode": "Immediate",
    }


def _rights() -> list[dict[str, Any]]:
    look = ["list", "watch"]
    return [
        _binding("system:volumes", "system:persistent-volume-provisioner"),
        _role(
            "system:coredns",
            {"apiGroups": [""], "resources": ["services", "namespaces"], "verbs": look},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": look},
        ),
        _binding("system:coredns", "system:coredns"),
        _role(
            "system:network-policies",
            {"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": look},
            {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": look},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
        ),
        _binding("system:network-policies", "system:network-policies"),
    ]


def _role(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": list(rules),
    }


def _binding(user: str, role: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
    }
