"""`make run`, `make stop` and the cluster targets: the whole platform on this machine, or on an existing cluster."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from cluster import Cluster, ClusterError
from dev import images, relay
from dev.locks import locked
from dev.paths import data_folder
from dev.platform import NODE_PORT, Accounts, Platform, evaluation_values
from dev.progress import step
from dev.target import Target, TargetError, from_environment, of_node
from dev.together import CommandError, run_together
from dev.toolchain import ToolchainError, ensure_programs


def target(environ: dict[str, str]) -> Target:
    return from_environment(environ) or of_node(Cluster(environ.get("CLUSTER") or "run"))


def state_folder(where: Target, environ: dict[str, str]) -> Path:
    """Where the passwords and the relay of this platform are recorded."""
    folder = data_folder() / "run" / (where.node.name if where.node else environ["CONTEXT"].replace("/", "-"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def accounts(folder: Path) -> Accounts:
    """The passwords of this platform: made once, readable by their owner only."""
    path = folder / "accounts.json"
    if path.exists():
        return Accounts(**json.loads(path.read_text(encoding="utf-8")))
    made = Accounts.generate()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(made), file)
    return made


def up(environ: dict[str, str]) -> None:
    """Starts everything and prints how to sign in."""
    started = time.monotonic()
    where = target(environ)
    port = relay.chosen_port(environ)
    folder = state_folder(where, environ)
    relay.require_free(folder, port)
    known = accounts(folder)
    url = f"http://127.0.0.1:{port}"
    with stopped_unless_done(where.node, folder):
        references = prepare(where, environ)
        platform = Platform(where)
        with locked(folder / "install.lock"), step("Installing the chart"):
            platform.install(evaluation_values(references, known))
        relay.start(folder, port, relay_command(where, platform, port))
        wait_until_healthy(f"{url}/hub/health")
    print(welcome(url, known, time.monotonic() - started))


def relay_command(where: Target, platform: Platform, port: int) -> list[str]:
    """What listens on `port` of this machine and passes connections on to the proxy."""
    if where.node:
        ensure_programs("socat")
        return relay.to_address(port, where.node.node_address, NODE_PORT)
    return relay.to_service(port, where.kubectl_arguments, platform.namespace, f"{platform.release}-proxy-public")


def prepare(where: Target, environ: dict[str, str]) -> dict[str, str]:
    """Starts the node and builds the images side by side (one waits for the network while the other computes), then pushes.

    Images with programs that are compiled come last: the compilers of the node's programs need the processors until then.
    """
    if where.node:
        nodes = [f"--nodes={wanted}"] if (wanted := number_of_nodes(environ)) else []
        # Before anything else runs, so that this is the only thing that is said.
        where.node.check_machine()
        at_once = [name for name, image in images.IMAGES.items() if not image.extra]
        run_together(
            [sys.executable, "-m", "cluster", "up", "--quiet", "--name", where.node.name, *nodes],
            [sys.executable, "-m", "dev.images", "build", "--quiet", *at_once],
        )
    return images.build(images.IMAGES, push_to=where.registry)


def number_of_nodes(environ: dict[str, str]) -> int | None:
    """What NODES says; None where it says nothing: as many as before, or one."""
    text = environ.get("NODES") or ""
    if text and not text.isdecimal():
        raise TargetError(f"NODES={text} is not a number. Leave it out for one node, or write NODES=2.")
    return int(text) if text else None


@contextlib.contextmanager
def stopped_unless_done(node: Cluster | None, folder: Path) -> Iterator[None]:
    """Stops the address and the node again if the body fails or is interrupted, where the node did not run before."""
    ran_before = node is None or node.running
    try:
        yield
    except BaseException:
        if node is not None and not ran_before:
            relay.stop(folder)
            node.down()
        raise


def wait_until_healthy(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    error: Exception | None = None
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (our own loopback address)
                return
        except (urllib.error.URLError, OSError) as caught:
            error = caught
            time.sleep(0.5)
    raise TargetError(f"The hub does not answer at {url} after {seconds:.0f} s ({error}). See `make cluster-status`.")


def welcome(url: str, accounts: Accounts, seconds: float) -> str:
    return f"""
spark-notebooks is running ({seconds:.0f} s).

  open      {url}
  user      any name, for instance ada      password  {accounts.user_password}
  admin     {accounts.admin}                           password  {accounts.admin_password}

Next: sign in, start your instance, open Welcome/Flights with Spark.ipynb and run all cells.
`make stop` stops the platform and keeps the notebooks; `make run` brings it back.
"""


def down(environ: dict[str, str]) -> None:
    """Stops the address and the node; data stays. A cluster that is not ours keeps its release."""
    where = target(environ)
    relay.stop(state_folder(where, environ))
    if where.node:
        where.node.down()
        print("stopped; `make run` brings it back with its notebooks")
    else:
        print(f"the address is closed; the release stays in {environ['CONTEXT']} (helm uninstall removes it)")


def cluster_up(environ: dict[str, str]) -> None:
    where = target(environ)
    if where.node:
        where.node.up(nodes=number_of_nodes(environ))
        print(f"export KUBECONFIG={where.node.kubeconfig}\nregistry {where.registry}")
    else:
        print(where.kubectl("version").stdout)


def cluster_down(environ: dict[str, str]) -> None:
    own_node(environ).down()


def cluster_delete(environ: dict[str, str]) -> None:
    own_node(environ).delete()


def own_node(environ: dict[str, str]) -> Cluster:
    where = target(environ)
    if not where.node:
        raise TargetError(
            f"CONTEXT={environ['CONTEXT']} is not a node of this machine, so it is not stopped or deleted from here."
        )
    relay.stop(state_folder(where, environ))
    return where.node


def cluster_status(environ: dict[str, str]) -> None:
    code = subprocess.run([sys.executable, "-m", "cluster", "status"], check=False).returncode
    # That it does not run is an answer, too.
    if code not in (0, 3):
        sys.exit(code)


def build_images(environ: dict[str, str]) -> None:
    for name, reference in prepare(target(environ), environ).items():
        print(f"{name:12} {reference}")


COMMANDS: dict[str, Callable[[dict[str, str]], None]] = {
    "up": up,
    "down": down,
    "cluster-up": cluster_up,
    "cluster-down": cluster_down,
    "cluster-delete": cluster_delete,
    "cluster-status": cluster_status,
    "images": build_images,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = COMMANDS[parser.parse_args().command]
    # A terminal that goes away ends the start as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        command(dict(os.environ))
    except KeyboardInterrupt:
        print("\nstopped before the end; the next `make run` goes on from here", file=sys.stderr)
        return 130
    except CommandError:
        return 1
    except (ClusterError, TargetError, ToolchainError, images.ImageError, relay.RelayError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
