"""The make targets as a person types them, with a node of their own."""

import contextlib
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from dev.platform import Accounts

ROOT = Path(__file__).parent.parent.parent
CLUSTER = os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test") + "-run"

# What a make hands to one that it starts. A person's make has none of it, and `make test` runs these tests.
FROM_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}


def make(target: str, port: int, *, inside: Sequence[str] = (), **environ: str) -> subprocess.Popen[str]:
    """Starts `make target` in a process group of its own, as a shell does; Ctrl-C is a signal to the group.

    `inside` is a command that runs it, in other namespaces for instance.
    """
    return subprocess.Popen(
        [*inside, "make", target, f"CLUSTER={CLUSTER}", f"PORT={port}"],
        cwd=ROOT,
        env={**{name: value for name, value in os.environ.items() if name not in FROM_MAKE}, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], seconds: float) -> str:
    """The output of a target that succeeds within some seconds."""
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output
    return output


def fail(process: subprocess.Popen[str], seconds: float) -> str:
    """The output of a target that fails within some seconds."""
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode != 0, output
    return output


def accounts(output: str) -> Accounts:
    """What `make run` says about signing in."""
    user = re.search(r"user .* password +(\S{8,})", output)
    admin = re.search(r"admin +(\S+) +password +(\S{8,})", output)
    assert user, output
    assert admin, output
    return Accounts(user[1], admin[2], admin[1])


def healthy(port: int) -> bool:
    """Whether the hub answers."""
    with contextlib.suppress(OSError, urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/hub/health", timeout=5).close()
        return True
    return False


def processes_with(variable: str, value: str) -> list[str]:
    """The processes that were started with an environment variable, by whomever."""
    mark, found = f"{variable}={value}".encode(), []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            if mark in path.joinpath("environ").read_bytes().split(b"\0"):
                found.append(f"process {path.name}: {path.joinpath('cmdline').read_bytes()!r}")
    return found
