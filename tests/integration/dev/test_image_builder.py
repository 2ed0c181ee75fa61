"""A build that is killed in the middle, by the builder of this machine and in a storage of the tests' own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.image_builder import CACHE_OF_STEPS, Build, Builder, find_builder, output, run
from dev.images import clean_up
from dev.paths import REPOSITORY, cache_folder
from dev.toolchain import binary

# What the second step does depends on a file that the test changes between the builds, as if the trouble had passed.
DOCKERFILE = """
FROM scratch
COPY busybox /bin/busybox
ENV PATH=/bin
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY slow /slow
RUN sh /slow && echo done > /result
"""
# A build in a process of its own, as `make images` is one.
BUILD = """
import sys
from pathlib import Path
from dev.image_builder import CACHE_OF_STEPS, Build, find_builder, run
folder = Path(sys.argv[1])
run(find_builder().build(Build(folder, "Dockerfile", "localhost/killed:1")), folder.parent / "log", lambda _: None)
"""
MARK = "sleep 4242"


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build whose second RUN takes forever. Its storage is new, so no layer is there yet: a cold build."""
    busybox = binary("busybox")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "busybox").write_bytes(busybox.read_bytes())
    (folder / "busybox").chmod(0o755)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "slow").write_text(f"exec {MARK}\n")
    return folder


def until(look: Callable[[], object], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def sleepers() -> list[int]:
    """The processes of the step that takes forever."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.joinpath("cmdline").read_bytes().split(b"\0")[:2] == MARK.encode().split():
                found.append(int(path.name))
        except OSError:
            continue  # it ended while we looked
    return found


def leftovers(context: Path) -> list[str]:
    """What a killed build may not leave: mounts in its storage, processes of its steps."""
    storage = str(context.parent)
    found = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if storage in line]
    found += [f"process {pid}" for pid in sleepers()]
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_killed_in_a_step_leaves_nothing_and_the_next_one_works(
    context: Path, number: signal.Signals
) -> None:
    builder: Builder = find_builder()
    with subprocess.Popen([sys.executable, "-c", BUILD, str(context)], cwd=REPOSITORY) as building:
        try:
            until(sleepers)
            building.send_signal(number)
            building.wait(timeout=60)
        finally:
            building.kill()
    assert building.returncode != 0
    until(lambda: leftovers(context) == [], 10)

    (context / "slow").write_text("true\n")
    clean_up(builder)
    image = Build(context, "Dockerfile", "localhost/killed:1")
    run(builder.build(image), context.parent / "log", lambda _line: None)
    assert output(builder.layers(image.tag))
    clean_up(builder)
    assert leftovers(context) == []
    if builder.program == "buildah":
        assert output(builder.command("containers", "--quiet")) == ""
    left = [path.name for path in (cache_folder() / "containers" / "tmp").iterdir()]
    assert [name for name in left if not name.startswith(CACHE_OF_STEPS)] == []
