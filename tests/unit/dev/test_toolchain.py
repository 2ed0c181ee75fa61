"""Programs: which module has them, what a build depends on, and that a build is done once and whole."""

import ast
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.settings import PROGRAMS as CLUSTER_PROGRAMS
from dev import toolchain
from dev.debian import PACKAGES, UNPACKED, packages_for, unpacked
from dev.paths import REPOSITORY
from dev.toolchain import PROGRAMS, Programs, ToolchainError

GO_MOD = """module node

go 1.26.0

tool k8s.io/kubernetes/cmd/kubelet

require github.com/a/b v0.1.0

require (
\tk8s.io/client-go v0.34.4 // indirect
\tk8s.io/kubernetes v1.34.4 // indirect
\tk8s.io/kubernetes-other v9.9.9
)
"""


def test_versions_come_from_go_mod() -> None:
    assert toolchain.required_version(GO_MOD, "k8s.io/kubernetes") == "v1.34.4"
    assert toolchain.required_version(GO_MOD, "github.com/a/b") == "v0.1.0"
    assert toolchain.go_directive(GO_MOD) == (1, 26, 0)


def test_a_module_that_go_mod_does_not_require_is_an_error() -> None:
    with pytest.raises(ToolchainError, match=r"does not require example\.com/x"):
        toolchain.required_version(GO_MOD, "example.com/x")


def test_programs_are_stamped_with_their_version() -> None:
    stamps = {"v.full": "{version}", "v.minor": "{minor}", "v.client": "{k8s.io/client-go minor}", "v.fixed": "1"}
    programs = Programs("kubernetes", "folder", {"kubelet": "x"}, "k8s.io/kubernetes", stamps)
    flags = toolchain.linker_flags(programs, GO_MOD)
    assert flags == "-s -w -X v.full=v1.34.4 -X v.minor=34 -X v.client=34 -X v.fixed=1"


def test_the_key_changes_with_everything_that_a_build_depends_on() -> None:
    base = ({"go.mod": b"a", "go.sum": b"b"}, "go1.26", "-s")
    keys = {
        toolchain.build_key(*base),
        toolchain.build_key({"go.mod": b"a", "go.sum": b"c"}, "go1.26", "-s"),
        toolchain.build_key({"go.mod": b"ab", "go.sum": b""}, "go1.26", "-s"),
        toolchain.build_key(base[0], "go1.27", "-s"),
        toolchain.build_key(base[0], "go1.26", "-s -w"),
    }
    assert len(keys) == 5
    assert toolchain.build_key({"go.sum": b"b", "go.mod": b"a"}, "go1.26", "-s") == toolchain.build_key(*base)


@pytest.mark.parametrize("programs", PROGRAMS, ids=lambda programs: programs.name)
def test_flags_and_packages_are_those_of_go_mod(programs: Programs) -> None:
    folder = REPOSITORY / programs.folder
    go_mod = (folder / "go.mod").read_text()
    assert toolchain.linker_flags(programs, go_mod).startswith("-s -w")
    for package in programs.packages.values():
        assert package in go_mod or (folder / package / "main.go").is_file()


def test_an_unknown_program_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ToolchainError, match=r"nonsense is no program of the toolchain.*docker-registry.*kubelet"):
        toolchain.binary("nonsense")


def test_packages_of_programs() -> None:
    assert packages_for(["ctr", "containerd", "ip"]) == ["containerd", "iproute2"]
    with pytest.raises(ToolchainError, match="No Debian package is known for nonsense"):
        packages_for(["ip", "nonsense"])


def test_nothing_is_both_installed_and_unpacked() -> None:
    assert not set(UNPACKED) & set(PACKAGES)


def test_every_program_that_the_sources_ask_for_has_a_package() -> None:
    """A machine that has it already would not notice."""
    asked = {name.value for call in calls_of("ensure_programs") for name in call.args if isinstance(name, ast.Constant)}
    assert {"java", "mvn", "chromium"} <= asked
    assert asked | set(CLUSTER_PROGRAMS) <= set(PACKAGES)


def calls_of(function: str) -> Iterator[ast.Call]:
    for folder in ("cluster", "dev", "tests"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)) if function in text else ():
                if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == function:
                    yield node


@pytest.mark.parametrize("path", ["bin/busybox", "usr/bin/busybox"])
def test_a_program_is_unpacked_once_wherever_its_package_has_it(
    path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("dev.debian.cache_folder", lambda: tmp_path)
    there = tmp_path / "bin" / "busybox-static-1.37.0-6" / path
    there.parent.mkdir(parents=True)
    there.touch()
    assert unpacked("busybox") == there


def test_a_missing_program_without_apt_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("dev.debian.ADMINISTRATOR_FOLDERS", ())
    with pytest.raises(ToolchainError, match=r"no apt-get.*by hand.*runc \(Debian packages: runc\)"):
        toolchain.ensure_programs("runc")


# ---- builds, with the smallest of our modules ----


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for our builds; the compiler keeps its own cache."""
    go, _ = toolchain._go((1, 25))
    compiled = subprocess.run([go, "env", "GOCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.setenv("GOCACHE", compiled)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # Where the machine's Go is too old, the one in the real cache is used.
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "spark-notebooks" / "bin"


def test_a_program_is_built_once(cache: Path) -> None:
    first = toolchain.binary("pause")
    made = first.stat()
    assert first.parent.parent == cache
    assert toolchain.binary("pause").stat().st_mtime_ns == made.st_mtime_ns


def test_builds_at_the_same_time_make_one_program(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(toolchain.binary("pause"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert capsys.readouterr().err.count(": done") == 1


def test_a_killed_build_leaves_nothing_half_made(cache: Path) -> None:
    script = "import dev.toolchain as t; t._Build._compile = lambda *a: (print('compiling', flush=True), __import__('time').sleep(60)); t.binary('pause')"
    with subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "compiling\n"
        killed.send_signal(signal.SIGKILL)
    (leftover,) = (path for path in cache.iterdir() if path.is_dir())
    started = time.monotonic()
    assert toolchain.binary("pause").is_file()
    assert time.monotonic() - started < 30, "the lock of a killed process must not be waited for"
    assert not leftover.exists()


def test_a_failed_build_says_why_and_leaves_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source" / "broken"
    source.mkdir(parents=True)
    (source / "go.mod").write_text("module broken\n\ngo 1.25\n")
    (source / "main.go").write_text("package main\n\nfunc main() { undefinedName() }\n")
    monkeypatch.setattr(toolchain, "PROGRAMS", (Programs("broken", "broken", {"broken": "."}),))
    monkeypatch.setattr(toolchain, "REPOSITORY", tmp_path / "source")
    with pytest.raises(ToolchainError, match=r"(?s)failed in broken:.*undefined: undefinedName"):
        toolchain.binary("broken")
    assert [path for path in cache.iterdir() if path.is_dir()] == []


def test_go_flags_of_the_user_do_not_change_a_build(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-tags=nonsense -mod=vendor")
    built = toolchain.binary("pause")
    go = shutil.which("go")
    assert go
    information = subprocess.run([go, "version", "-m", built], capture_output=True, text=True, check=True).stdout
    assert "-trimpath=true" in information
    assert "CGO_ENABLED=0" in information
    assert "nonsense" not in information
