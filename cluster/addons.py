"""Objects that every cluster starts with. Pure."""

from typing import Any

from cluster.settings import STORAGE_CLASS

PROVISIONER = "spark-notebooks.io/local"


def addons() -> dict[str, Any]:
    """A List for `kubectl apply`: the default storage class, and the rights of the node's own clients."""
    return {"apiVersion": "v1", "kind": "List", "items": [_storage_class(), *_volumes_rights(), *_coredns_rights()]}


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


def _volumes_rights() -> list[dict[str, Any]]:
    return [_binding("system:volumes", "system:persistent-volume-provisioner")]


def _coredns_rights() -> list[dict[str, Any]]:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "namespaces"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    }
    return [role, _binding("system:coredns", "system:coredns")]


def _binding(user: str, role: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
    }
