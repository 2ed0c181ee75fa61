"""Where the chart goes: the node on this machine, or an existing cluster (CONTEXT and REGISTRY)."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster import Cluster
from dev.toolchain import binary


class TargetError(Exception):
    """What is wrong with the chosen cluster, and what to do."""


@dataclass(frozen=True)
class Target:
    """A Kubernetes cluster and the registry that it pulls from: a node of this machine, or an existing cluster's `external_registry`.

    kubectl_arguments and helm_arguments choose the cluster.
    """

    kubectl_arguments: tuple[str, ...]
    helm_arguments: tuple[str, ...]
    node: Cluster | None = None
    external_registry: str = ""

    @property
    def registry(self) -> str:
        """Address that images are pushed to. A node of this machine has one once it has been started."""
        return self.node.registry if self.node else self.external_registry

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl; raises TargetError with its message when check is set and it fails."""
        return run(self.kubectl_command(*arguments), stdin, check)

    def kubectl_command(self, *arguments: str) -> list[str]:
        """The words of a kubectl that is started by somebody else."""
        return [str(binary("kubectl")), *self.kubectl_arguments, *arguments]

    def helm(self, *arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs helm; raises TargetError with its message when check is set and it fails."""
        return run([str(binary("helm")), *self.helm_arguments, *arguments], stdin, check)


def run(command: list[str], stdin: str | None, check: bool) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and result.returncode:
        raise TargetError(f"{Path(command[0]).name} failed:\n{(result.stderr or result.stdout).strip()}")
    return result


def of_node(node: Cluster) -> Target:
    """The node on this machine, which need not run yet."""
    return Target(
        kubectl_arguments=("--kubeconfig", str(node.kubeconfig)),
        helm_arguments=("--kubeconfig", str(node.kubeconfig)),
        node=node,
    )


def from_environment(environ: Mapping[str, str]) -> Target | None:
    """The existing cluster that CONTEXT and REGISTRY name, or None when neither is set."""
    context, registry = environ.get("CONTEXT", ""), environ.get("REGISTRY", "")
    if not context and not registry:
        return None
    if not context or not registry:
        missing, given = ("CONTEXT", "REGISTRY") if registry else ("REGISTRY", "CONTEXT")
        raise TargetError(
            f"{given} is set and {missing} is not. An existing cluster needs both: CONTEXT=<kube context> REGISTRY=<registry that it can pull from>."
        )
    return Target(("--context", context), ("--kube-context", context), external_registry=registry)
