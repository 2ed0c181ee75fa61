"""Configuration files of the node's components, from the settings. Pure."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.pki import KeyPair
from cluster.policies.nft import render
from cluster.policies.rules import CLOSED
from cluster.settings import (
    CLUSTER_DOMAIN,
    CONTAINERD_SOCKET,
    CONTAINERD_STATE,
    NODE_DATA,
    Node,
    Settings,
)

PAUSE_IMAGE = "localhost/pause:1"
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
CONFIG = NODE_DATA / "config"
CNI_PROGRAMS = "cni-programs"  # in CONFIG: Debian's plugins and ours
CLOSED_RULES = "closed.nft"  # in CONFIG: the rules of a node that knows no pod
POLICY_PLUGIN = "network-policies"
PKI = NODE_DATA / "pki"

# Everyone who talks to the API server, and the group that gives the right to (RBAC's built-in roles bind to these names).
CLIENTS: Mapping[str, tuple[str, str]] = {
    "admin": ("kubernetes-admin", "system:masters"),
    "apiserver-kubelet-client": ("kube-apiserver-kubelet-client", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "coredns": ("system:coredns", ""),
    "volumes": ("system:volumes", ""),
    "network-policies": ("system:network-policies", ""),
}
WORKER_CLIENTS = ("kube-proxy", "network-policies")


def files(node: Node) -> dict[str, str]:
    """The files of a node's folder `config`, by their path in it."""
    settings = node.cluster
    runtime = {
        "containerd.toml": containerd(),
        f"registries/{settings.registry}/hosts.toml": registry_host(settings.registry),
        "cni/10-pods.conflist": json.dumps(pod_network(node.pods), indent=2),
        "kubelet.yaml": yaml.safe_dump(kubelet(node)),
        "resolv.conf": f"nameserver {settings.node_address}\n",
        CLOSED_RULES: render(CLOSED),
    }
    if node.number:
        return runtime
    return runtime | {
        "registry.yaml": yaml.safe_dump(registry(settings)),
        "Corefile": corefile(settings.node_address),
    }


def kubeconfig(server: str, ca: bytes, user: str, key_pair: KeyPair, name: str) -> str:
    """A kubeconfig with its keys inside, so that it can be copied anywhere."""

    def data(pem: bytes) -> str:
        return base64.b64encode(pem).decode()

    keys = {"client-certificate-data": data(key_pair.certificate), "client-key-data": data(key_pair.key)}
    return _kubeconfig(server, {"certificate-authority-data": data(ca)}, user, keys, name)


def component_kubeconfig(server: str, client: str, name: str) -> str:
    """A kubeconfig of a program in a node, which names the files of its keys.

    Keys inside it Python's client would write to temporary files, and a program that is killed leaves those behind.
    """
    keys = {"client-certificate": f"{PKI}/{client}.crt", "client-key": f"{PKI}/{client}.key"}
    return _kubeconfig(server, {"certificate-authority": f"{PKI}/ca.crt"}, client, keys, name)


def _kubeconfig(server: str, authority: Mapping[str, str], user: str, keys: Mapping[str, str], name: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
            "clusters": [{"name": name, "cluster": {"server": server, **authority}}],
            "users": [{"name": user, "user": dict(keys)}],
        }
    )


def containerd() -> str:
    """containerd's configuration, version 2 of its format: understood by 1.6, 1.7 and 2.x.

    restrict_oom_score_adj: where root lacks CAP_SYS_RESOURCE no process may lower its OOM score, and no sandbox would start.
    discard_unpacked_layers: the registry has the layers already.
    """
    return f"""version = 2
root = "{NODE_DATA}/containerd"
state = "{CONTAINERD_STATE}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{CONTAINERD_STATE}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    discard_unpacked_layers = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CONFIG}/{CNI_PROGRAMS}"
    conf_dir = "{CONFIG}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{CONFIG}/registries"
"""


def registry_host(address: str) -> str:
    """containerd's file on one registry: this one speaks plain HTTP (it never leaves the machine)."""
    return f'server = "http://{address}"\n\n[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'


def pod_network(subnet: str) -> dict[str, Any]:
    """The CNI configuration: a bridge with an address per pod.

    The addresses in use are kept in /run: a node that was killed must not come back with them taken.
    """
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni",
                    "ranges": [[{"subnet": subnet}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
            # Last: it lets a pod start when its rules are in force.
            {"type": POLICY_PLUGIN},
        ],
    }


def kubelet(node: Node) -> dict[str, Any]:
    """The kubelet's configuration."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "clusterDNS": [node.cluster.node_address],
        "clusterDomain": CLUSTER_DOMAIN,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        # The kubelet must not throw away images that the host has pushed but no pod uses yet.
        "imageGCHighThresholdPercent": 100,
        "maxPods": 250,
        "podLogsDir": f"{NODE_DATA}/logs/pods",
        # With it the kubelet checks the machine's kernel settings (node.py shows it what it wants to see) and changes none.
        "protectKernelDefaults": True,
        "resolvConf": f"{CONFIG}/resolv.conf",
        "serializeImagePulls": False,
        "tlsCertFile": f"{PKI}/kubelet.crt",
        "tlsPrivateKeyFile": f"{PKI}/kubelet.key",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    }


def registry(settings: Settings) -> dict[str, Any]:
    """The image registry's configuration. All instances share the store; each has a registry process of its own."""
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(settings.blobs)},
            "delete": {"enabled": True},
            # The purging of unfinished uploads would race with the other instances' uploads.
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": settings.registry},
    }


def corefile(node_address: str) -> str:
    """CoreDNS' configuration: the services of the cluster, and a clear "no such name" for all others."""
    return f""".:53 {{
    bind {node_address}
    ready {node_address}:8181
    errors
    cache 5
    loadbalance
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{
        kubeconfig {CONFIG}/coredns.kubeconfig
        ttl 5
    }}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""
