"""Command line: `python -m cluster {up,down,delete,status,kubeconfig} [--name NAME]`."""

import argparse
import json
import os
import signal
import sys

from cluster import Cluster, ClusterError
from dev.toolchain import ToolchainError


def main() -> int:
    """The exit code: 0 done, 1 not done (the reason is on standard error), 3 not running (`status`), 130 interrupted."""
    arguments = _parser().parse_args()
    # `kill` ends a start as Ctrl-C does: with everything cleaned up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _do(arguments)
    except (ClusterError, ToolchainError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        done = "what was started has been stopped" if arguments.command == "up" else "run the same command again"
        print(f"Interrupted: {done}.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads has had enough (`| head`); at its end Python would complain once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _do(arguments: argparse.Namespace) -> int:
    cluster = Cluster(arguments.name)
    match arguments.command:
        case "up":
            cluster.up(durable=not arguments.unsafe_no_fsync, nodes=arguments.nodes)
            if arguments.quiet:
                return 0
            print(f"The cluster {cluster.name} runs. Node {cluster.node_address}, image registry {cluster.registry}.")
            print(f"export KUBECONFIG={cluster.kubeconfig}")
        case "down":
            cluster.down()
        case "delete":
            cluster.delete()
        case "kubeconfig":
            print(cluster.kubeconfig)
        case "status":
            status = cluster.status()
            print(json.dumps(status, indent=2) if arguments.json else _table(status))
            return 0 if status["state"] == "running" else 3
    return 0


def _table(status: dict[str, object]) -> str:
    shown = {
        key: value for key, value in status.items() if value and key not in {"components", "memory", "refused_policies"}
    }
    if isinstance(memory := status["memory"], int):
        shown["memory"] = f"{memory / 2**20:.0f} MiB"
    lines = [f"{key.replace('_', ' '):14}{value}" for key, value in shown.items()]
    components = status["components"]
    if isinstance(components, dict):
        for name, component in components.items():
            state = "done" if component["done"] else "ready" if component["ready"] else "not ready"
            lines.append(f"  {name:26}{state:11}{component['failures']} failures")
    refused = status["refused_policies"]
    if isinstance(refused, dict):
        lines.extend(f"network policy {name}, {text}" for name, texts in refused.items() for text in texts)
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description="A Kubernetes node on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "start it, or do nothing where it runs"),
        ("down", "stop it and keep its data"),
        ("delete", "stop it and remove its data"),
        ("status", "say how it is (exit code 3 where it does not run)"),
        ("kubeconfig", "print the path of the kubeconfig"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        default = os.environ.get("CLUSTER") or "run"
        command.add_argument("--name", default=default, help="the instance ($CLUSTER, else run)")
        if name == "up":
            command.add_argument(
                "--unsafe-no-fsync", action="store_true", help="for tests: faster, and lost in a power cut"
            )
            command.add_argument("--nodes", type=int, help="number of nodes (as many as it had, or one)")
            command.add_argument("--quiet", action="store_true", help="do not print how to reach it")
        if name == "status":
            command.add_argument("--json", action="store_true", help="for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
