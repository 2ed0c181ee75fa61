"""The platform's address on 127.0.0.1: one background process, known by its recorded id."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dev.toolchain import binary

STOP_SECONDS = 5.0


class RelayError(Exception):
    """Why the address cannot be opened, and what to do."""


@dataclass(frozen=True)
class Record:
    """A relay that was started: its process, told from a later one of the same id by its start time (clock ticks since boot)."""

    pid: int
    started: int
    port: int


def to_address(port: int, address: str, target_port: int) -> list[str]:
    """A relay from 127.0.0.1:port to an address of a node."""
    return ["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", f"TCP:{address}:{target_port}"]


def to_service(port: int, kubectl_arguments: tuple[str, ...], namespace: str, service: str) -> list[str]:
    """A relay from 127.0.0.1:port to a service of a cluster."""
    return [
        *(str(binary("kubectl")), *kubectl_arguments, "--namespace", namespace),
        *("port-forward", "--address=127.0.0.1", f"service/{service}", f"{port}:80"),
    ]


def chosen_port(environ: Mapping[str, str]) -> int:
    """The port that PORT names, 8000 where it names none."""
    text = environ.get("PORT") or "8000"
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise RelayError(f"PORT={text} is no port. Choose a number from 1 to 65535: make run PORT=8000")
    return int(text)


def require_free(folder: Path, port: int) -> None:
    """Raises RelayError when another program has the port; a relay of ours may have it."""
    record = running(folder)
    if record and record.port == port:
        return
    try:
        bind(port)
    except OSError as error:
        raise RelayError(
            f"Port {port} of 127.0.0.1 is taken ({error.strerror}). Choose another: make run PORT={port + 1}"
        ) from error


def bind(port: int) -> None:
    """Takes the port for a moment; raises OSError when another program has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def start(folder: Path, port: int, command: list[str]) -> None:
    """Replaces the relay of this folder by a new one and waits until it listens."""
    stop(folder)
    with (folder / "relay.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    record = Record(process.pid, start_time(process.pid), port)
    (folder / "relay.json").write_text(json.dumps(asdict(record)), encoding="utf-8")
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    said = (folder / "relay.log").read_text(encoding="utf-8", errors="replace").strip()
    stop(folder)
    raise RelayError(f"127.0.0.1:{port} could not be opened: {said or 'it does not answer'}")


def stop(folder: Path) -> None:
    """Ends the relay of this folder, if there is one."""
    record = running(folder)
    if record:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(record.pid, signal.SIGKILL)
        # A process counts as ended before its last thread has let go of the port.
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                bind(record.port)
                break
            time.sleep(0.01)
    (folder / "relay.json").unlink(missing_ok=True)


def running(folder: Path) -> Record | None:
    """The relay of this folder if its process lives."""
    try:
        record = Record(**json.loads((folder / "relay.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
    return record if start_time(record.pid) == record.started else None


def start_time(pid: int) -> int:
    """When a living process started, in clock ticks since boot (field 22 of /proc/<pid>/stat); -1 when it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return -1
    state, *fields = stat.rpartition(")")[2].split()
    return -1 if state in "ZX" else int(fields[18])
