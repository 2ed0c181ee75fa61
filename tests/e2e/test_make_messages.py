"""What `make run` says where it cannot: one message, and nothing is started."""

import shlex
import socket
from pathlib import Path

import pytest

from cluster import Cluster
from dev.ports import free_port
from tests.e2e.make import CLUSTER, fail, make

# What make says of a command that failed.
LAST_LINE = "make: ***"


def message(output: str) -> str:
    """The output without make's own last line; a traceback is no message."""
    assert "Traceback" not in output
    text, _, _ = output.partition(LAST_LINE)
    return text.strip()


def in_mounts(script: str) -> tuple[str, ...]:
    """A command that runs another one with mounts of its own."""
    return ("unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh")


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """Data of its own, so that no node is known."""
    return {"XDG_DATA_HOME": str(tmp_path / "data")}


def test_taken_port_is_named_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        output = fail(make("run", port), 60)
    assert f"Port {port} of 127.0.0.1 is taken" in output
    assert not Cluster(CLUSTER).running


def test_half_a_target_is_named() -> None:
    assert "CONTEXT is set and REGISTRY is not" in fail(make("images", free_port(), CONTEXT="somewhere"), 60)


def test_without_root_it_says_what_root_is_needed_for(elsewhere: dict[str, str]) -> None:
    """The user of a namespace in which there is no root has the same files, and no more rights than any user."""
    other_user = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    output = fail(make("run", free_port(), inside=other_user, **elsewhere), 60)
    assert message(output) == (
        "A Kubernetes node needs root: it makes network and process namespaces. Run this as root."
    )


def test_too_little_memory_is_told_in_numbers(elsewhere: dict[str, str], tmp_path: Path) -> None:
    lines = Path("/proc/meminfo").read_text().splitlines()
    full = [f"MemAvailable: {3 * 2**19} kB" if line.startswith("MemAvailable:") else line for line in lines]
    (tmp_path / "meminfo").write_text("\n".join(full))
    inside = in_mounts(f"mount --bind {shlex.quote(str(tmp_path / 'meminfo'))} /proc/meminfo")
    output = fail(make("run", free_port(), inside=inside, **elsewhere), 60)
    assert message(output) == (
        "1.5 GiB of memory is free, the node needs 4 GiB. End other programs, or stop another instance of the cluster."
    )


def test_too_small_a_disk_is_named(elsewhere: dict[str, str]) -> None:
    data = elsewhere["XDG_DATA_HOME"]
    quoted = shlex.quote(data)
    inside = in_mounts(f"mkdir -p {quoted}; mount -t tmpfs -o size=512m tmpfs {quoted}")
    said = message(fail(make("run", free_port(), inside=inside, **elsewhere), 60))
    assert said.startswith(
        f"{data}/spark-notebooks/clusters/{CLUSTER} has 0.5 GiB free, the node and its images need 15 GiB."
    )
    assert "set XDG_DATA_HOME" in said
    assert len(said.splitlines()) == 1


def test_without_a_network_the_first_download_says_so(elsewhere: dict[str, str], tmp_path: Path) -> None:
    """A machine with nothing prepared: the Python packages come first."""
    cache = tmp_path / "cache"
    output = fail(make("run", free_port(), inside=("unshare", "--net"), XDG_CACHE_HOME=str(cache), **elsewhere), 120)
    said = message(output).splitlines()
    assert len(said) == 5
    assert said[2].startswith(
        "The Python packages of requirements/tools.txt could not be installed: ERROR: No matching"
    )
    assert "Check the network, the proxy (https_proxy)" in said[3]
    assert Path(said[4].rpartition(" is in ")[2].rstrip(".")).read_text().count("Retrying")


def test_without_a_network_a_missing_image_or_program_says_so(elsewhere: dict[str, str], tmp_path: Path) -> None:
    """A machine whose Python packages are there: programs and images are next, side by side, and one of them is the first to fail."""
    from dev.paths import cache_folder

    there, here = cache_folder() / "venv", tmp_path / "cache" / "spark-notebooks" / "venv"
    script = f"mkdir -p {shlex.quote(str(here))}; mount --bind {shlex.quote(str(there))} {shlex.quote(str(here))}"
    inside = ("unshare", "--net", *in_mounts(script))
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache"), **elsewhere}
    said = message(fail(make("run", free_port(), inside=inside, **environ), 300))
    assert "failed" in said
    assert "emporary failure" in said or "network" in said
    assert not Cluster(CLUSTER).running
