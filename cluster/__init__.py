"""A Kubernetes node on this machine, in namespaces of its own: no Docker, no virtual machine."""

from cluster.cluster import Cluster
from cluster.instance import ClusterError

__all__ = ["Cluster", "ClusterError"]
