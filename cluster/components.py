"""The node's components: command lines, order and signs of readiness. Pure."""

import sys
from dataclasses import dataclass

from cluster.config import CONFIG, PKI
from cluster.policies.cni import SOCKET as POLICY_SOCKET
from cluster.settings import (
    CLUSTER_DOMAIN,
    CONTAINERD_SOCKET,
    NODE_DATA,
    POD_NETWORK,
    SERVICE_NETWORK,
    Node,
    Settings,
    all_nodes,
)

PAUSE_ARCHIVE = NODE_DATA / "pause.tar"


@dataclass(frozen=True)
class Component:
    """A program that runs while the node does, or (`once`) ends before what comes after it.

    It starts when all of `after` are ready. It is ready when `ready` answers: a URL, or the path of a socket; without one, when it
    has been started; one that runs `once`, when it has ended well. Without `again` it stays away once it has died.
    """

    name: str
    command: tuple[str, ...]
    after: tuple[str, ...] = ()
    ready: str = ""
    once: bool = False
    again: bool = True


def components(node: Node) -> tuple[Component, ...]:
    """All components of a node: what runs pods, and on the first one the control plane and the workers."""
    return (*_control_plane(node.cluster), *_runtime(node)) if node.number == 0 else _runtime(node)


def _runtime(node: Node) -> tuple[Component, ...]:
    return (
        Component("containerd", ("containerd", "--config", f"{CONFIG}/containerd.toml"), ready=str(CONTAINERD_SOCKET)),
        Component("pause-image", _import_image(str(PAUSE_ARCHIVE)), after=("containerd",), once=True),
        _kubelet(node),
        _proxy(node),
        # Beside the kubelet, not before it: a pod that starts waits for it.
        Component(
            "network-policies",
            (sys.executable, "-m", "cluster.policies.enforcer", node.name, _kubeconfig("network-policies")),
            after=() if node.number else ("kube-apiserver",),
            ready=POLICY_SOCKET,
        ),
    )


def _control_plane(settings: Settings) -> tuple[Component, ...]:
    api = ("kube-apiserver",)
    return (
        _etcd(settings),
        _api_server(settings),
        Component(
            "registry",
            (_binary(settings, "docker-registry"), "serve", f"{CONFIG}/registry.yaml"),
            ready=f"http://{settings.registry}/v2/",
        ),
        _controller_manager(settings),
        Component(
            "kube-scheduler",
            (
                _binary(settings, "kube-scheduler"),
                f"--kubeconfig={_kubeconfig('kube-scheduler')}",
                "--leader-elect=false",
            ),
            after=api,
        ),
        Component(
            "coredns",
            (_binary(settings, "coredns"), "-conf", f"{CONFIG}/Corefile"),
            after=api,
            ready=f"http://{settings.node_address}:8181/ready",
        ),
        Component(
            "volumes",
            (sys.executable, "-m", "cluster.volumes", _kubeconfig("volumes"), f"{NODE_DATA}/volumes"),
            after=api,
        ),
        *(_worker(node) for node in all_nodes(settings)[1:]),
    )


def _worker(node: Node) -> Component:
    # Not again: a node that is lost stays lost, as a machine without power would.
    command = (sys.executable, "-m", "cluster.node", "launch-worker", str(node.number))
    return Component(node.name, command, after=("kube-apiserver",), again=False)


def _etcd(settings: Settings) -> Component:
    client = "http://127.0.0.1:2379"
    command = (
        _binary(settings, "etcd"),
        f"--data-dir={NODE_DATA}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        "--log-level=warn",
    )
    return Component("etcd", command if settings.durable else (*command, "--unsafe-no-fsync"), ready=f"{client}/health")


def _api_server(settings: Settings) -> Component:
    # It waits for etcd by itself; started together with it, the node is ready sooner.
    return Component(
        "kube-apiserver",
        (
            _binary(settings, "kube-apiserver"),
            f"--advertise-address={settings.node_address}",
            "--allow-privileged=true",
            "--authorization-mode=Node,RBAC",
            f"--client-ca-file={PKI}/ca.crt",
            "--enable-admission-plugins=NodeRestriction",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--kubelet-certificate-authority={PKI}/ca.crt",
            f"--kubelet-client-certificate={PKI}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={PKI}/apiserver-kubelet-client.key",
            # Otherwise `kubectl exec` would look the node's name up.
            "--kubelet-preferred-address-types=InternalIP",
            "--profiling=false",
            "--secure-port=6443",
            f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
            f"--service-account-key-file={PKI}/service-account.pub",
            f"--service-account-signing-key-file={PKI}/service-account.key",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            f"--tls-cert-file={PKI}/kube-apiserver.crt",
            f"--tls-private-key-file={PKI}/kube-apiserver.key",
        ),
        ready=f"https://{settings.node_address}:6443/readyz",
    )


def _controller_manager(settings: Settings) -> Component:
    return Component(
        "kube-controller-manager",
        (
            _binary(settings, "kube-controller-manager"),
            f"--cluster-signing-cert-file={PKI}/ca.crt",
            f"--cluster-signing-key-file={PKI}/ca.key",
            # It checks the types of each policy's expressions against all that it matches, and writes what it found into the policy's status: seconds of a
            # processor for each installation of the chart. What is refused does not depend on it.
            "--controllers=*,-validatingadmissionpolicy-status-controller",
            f"--kubeconfig={_kubeconfig('kube-controller-manager')}",
            "--leader-elect=false",
            "--profiling=false",
            f"--root-ca-file={PKI}/ca.crt",
            f"--service-account-private-key-file={PKI}/service-account.key",
            "--use-service-account-credentials",
        ),
        after=("kube-apiserver",),
        ready="https://127.0.0.1:10257/healthz",
    )


def _kubelet(node: Node) -> Component:
    return Component(
        "kubelet",
        (
            _binary(node.cluster, "kubelet"),
            f"--config={CONFIG}/kubelet.yaml",
            f"--hostname-override={node.name}",
            f"--kubeconfig={_kubeconfig('kubelet')}",
            f"--node-ip={node.address}",
        ),
        # A worker starts when the API server is there.
        after=("containerd", "pause-image", *(() if node.number else ("kube-apiserver",))),
        ready="http://127.0.0.1:10248/healthz",
    )


def _proxy(node: Node) -> Component:
    return Component(
        "kube-proxy",
        (
            _binary(node.cluster, "kube-proxy"),
            f"--cluster-cidr={POD_NETWORK}",
            # The limits of connection tracking are the whole machine's: leave them alone.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-close-wait=0",
            "--conntrack-tcp-timeout-established=0",
            f"--hostname-override={node.name}",
            # Otherwise pods could reach what listens on the node's loopback, etcd among it.
            "--iptables-localhost-nodeports=false",
            f"--kubeconfig={_kubeconfig('kube-proxy')}",
            "--proxy-mode=iptables",
        ),
        after=() if node.number else ("kube-apiserver",),
        ready="http://127.0.0.1:10256/healthz",
    )


def _import_image(archive: str) -> tuple[str, ...]:
    return ("ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", "k8s.io", "images", "import", archive)


def _binary(settings: Settings, name: str) -> str:
    return str(settings.binaries[name])


def _kubeconfig(client: str) -> str:
    return f"{CONFIG}/{client}.kubeconfig"
