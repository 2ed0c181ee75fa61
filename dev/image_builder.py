"""Command lines of the programs that build images: buildah, podman, docker. They differ in little, and the rest does not see it."""

import hashlib
import ipaddress
import os
import resource
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cluster.machine import GIB, available_memory
from dev.image_context import ImageError
from dev.paths import cache_folder
from dev.toolchain import ensure_programs

PROGRAMS = ("buildah", "podman", "docker")
# docker alone is but a client: its engine may be elsewhere or nowhere, and only buildx knows secrets.
CHECKS = {"docker": (("docker", "version"), ("docker", "buildx", "version"))}
LINES_OF_A_FAILURE = 30
CACHE_OF_STEPS = "buildah-cache"  # begins the name of the folder that buildah keeps what steps have cached in, beside its temporary files
PLENTY_OF_MEMORY = 10 * GIB
NODE_NETWORK = ipaddress.ip_network("10.89.0.0/16")  # the nodes that cluster/ makes


@dataclass(frozen=True)
class Build:
    """One image to build. `secrets` maps the id of a build secret to the file that holds it."""

    context: Path
    dockerfile: str  # relative to the context
    tag: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Builder:
    """One of the programs, with the options that every command of it takes."""

    program: str
    options: tuple[str, ...] = ()

    def command(self, *arguments: str) -> list[str]:
        return [self.program, *self.options, *arguments]

    def build(self, build: Build) -> list[str]:
        """Builds and tags an image; layers of earlier builds are used again."""
        arguments = [f"--build-arg={name}={value}" for name, value in build.arguments.items()]
        secrets = [f"--secret=id={name},src={path}" for name, path in build.secrets.items()]
        ours = [] if self.program == "docker" else ["--layers", *own_limits()]
        dockerfile = f"--file={build.context / build.dockerfile}"
        return self.command("build", *ours, *arguments, *secrets, dockerfile, f"--tag={build.tag}", str(build.context))

    def push(self, local: str, remote: str) -> list[list[str]]:
        """The commands that push a local image, compressed for speed where the program lets us choose."""
        if self.program == "docker":
            return [self.command("tag", local, remote), self.command("push", remote)]
        tls = ["--tls-verify=false"] if plain_http(remote) else []
        # zstd at its lowest level is smaller than gzip at its own, and several times faster at both ends.
        fast = [
            "--format=oci",
            "--compression-format=zstd",
            *(["--compression-level=1"] if self.program == "buildah" else []),
        ]
        return [self.command("push", *tls, *fast, local, f"docker://{remote}")]

    def layers(self, reference: str) -> list[str]:
        """Prints the digests of a local image's layers; fails where there is no such image."""
        if self.program == "buildah":
            return self.command("inspect", "--type=image", "--format={{.OCIv1.RootFS.DiffIDs}}", reference)
        return self.command("image", "inspect", "--format={{.RootFS.Layers}}", reference)

    def pull(self, reference: str) -> list[str]:
        return self.command("pull", "--quiet", reference)

    def tags(self, repository: str) -> list[str]:
        """Prints the tags of a local image, the newest first."""
        return self.command("images", "--format={{.Tag}}", f"--filter=reference={repository}")

    def remove(self, *references: str) -> list[str]:
        return self.command("rmi", *references)

    def leftovers(self) -> list[str] | None:
        """Removes the working containers of a killed build. Only our own storage is ours to clean."""
        return self.command("rm", "--all") if self.program == "buildah" else None


def own_limits(highest_process: Path = Path("/proc/sys/kernel/pid_max")) -> list[str]:
    """Leaves a build with this process's limits. buildah and podman otherwise raise two of them, which not every root may.

    Args:
        highest_process: file with the highest process id: some of them lower their own limit of processes to that first, and cannot go back.
    """
    files, processes = (resource.getrlimit(which)[1] for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC))
    most = int(highest_process.read_text())
    if processes != resource.RLIM_INFINITY:
        most = min(most, processes)
    return [f"--ulimit=nofile={files}:{files}", f"--ulimit=nproc={most}:{most}"]


def plain_http(reference: str) -> bool:
    """Whether the registry of a reference is one that speaks HTTP without TLS: this machine's, or that of a node of ours."""
    host = reference.partition("/")[0].rpartition(":")[0] or reference.partition("/")[0]
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address in NODE_NETWORK


def temporary_folder() -> Path:
    """Where builds keep what they need for their time: beside the storage, not in a /tmp that may be small."""
    folder = cache_folder() / "containers" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def environment() -> dict[str, str]:
    """The environment of a builder; with buildah's chroot isolation no container runtime is needed."""
    return {**os.environ, "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(temporary_folder())}


def output(command: Sequence[str]) -> str | None:
    """What a short command prints, or None where it fails."""
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def find_builder(
    which: Callable[[str], str | None] = shutil.which, output: Callable[[Sequence[str]], str | None] = output
) -> Builder:
    """The first builder of this machine that can build; buildah is installed where there is none."""

    def can_build(name: str) -> bool:
        return which(name) is not None and all(output(check) is not None for check in CHECKS.get(name, ()))

    program = next(filter(can_build, PROGRAMS), None)
    if program is None:
        # buildah from 1.36 on wants netavark for every container, and Debian only recommends it.
        ensure_programs("buildah", "/usr/lib/podman/netavark")
        program = "buildah"
    return Builder(program, storage_options() if program == "buildah" else ())


def storage_options() -> tuple[str, ...]:
    """buildah's own storage, apart from that of other users of containers; what is mounted is forgotten with the machine's start."""
    root = cache_folder() / "containers"
    runtime = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR") or cache_folder() / "run")
    # A storage has a run folder to itself: another cache folder means another one.
    name = f"containers-{hashlib.sha256(bytes(root)).hexdigest()[:8]}"
    return (f"--root={root}", f"--runroot={runtime / 'spark-notebooks' / name}")


def tied_to_us() -> list[str]:
    """What to put before a command so that all it starts, and all it mounts, is gone when it or this process ends, however that ends.

    Only root can do so. The commands of a Dockerfile otherwise outlive a builder that is interrupted.
    """
    if os.geteuid() != 0:
        return []
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    return ["setpriv", "--pdeathsig=KILL", *namespaces, "--"]


# buildah writes each layer into two temporary files. What steps have cached stays on the disk.
_TEMPORARY_IN_MEMORY = f"""
mkdir -p "$TMPDIR/memory"
mount -t tmpfs -o "size=$1,mode=700" tmpfs "$TMPDIR/memory"
for cache in {CACHE_OF_STEPS} "{CACHE_OF_STEPS}-$(id -u)"; do
  mkdir -p "$TMPDIR/$cache" "$TMPDIR/memory/$cache"
  mount --bind "$TMPDIR/$cache" "$TMPDIR/memory/$cache"
done
export TMPDIR="$TMPDIR/memory"
shift
exec "$@"
"""


def in_memory(available: int) -> list[str]:
    """What to put after `tied_to_us` where there is plenty of memory, so that a command's temporary files are there: a disk may be slow.

    Args:
        available: memory, in bytes.
    """
    if os.geteuid() != 0 or available < PLENTY_OF_MEMORY:
        return []
    return ["sh", "-euc", _TEMPORARY_IN_MEMORY, "sh", str(available // 2)]


def run(command: Sequence[str], log: Path, progress: Callable[[str], None], **variables: str) -> None:
    """Runs a builder's command, with some environment variables, its output in the file `log`; `progress` gets each line.

    Raises ImageError with the last lines of the output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    last: deque[str] = deque(maxlen=LINES_OF_A_FAILURE)
    memory = in_memory(available_memory(Path("/proc/meminfo").read_text()))
    with (
        log.open("a") as file,
        subprocess.Popen(
            [*tied_to_us(), *memory, *command],
            env=environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                last.append(line.rstrip())
                progress(line.strip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise ImageError(
            f"`{' '.join(command[:1])} {_verb(command)}` failed (exit code {process.returncode}). Its last lines:\n\n"
            + "\n".join(last)
            + f"\n\nAll of it is in {log}. If a download failed, check the network, the proxy (https_proxy) and the certificate authority "
            "(CA_BUNDLE=file.pem), and run the same command again: finished layers are kept."
        )


def _verb(command: Sequence[str]) -> str:
    return next((word for word in command[1:] if not word.startswith("-")), "")
