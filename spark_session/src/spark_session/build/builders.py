"""Programs that build images: buildah, podman, docker. Their command lines, as far as they differ. Pure, but for `find` and `own_limits`."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spark_session.errors import SparkSessionError

PROGRAMS = ("buildah", "podman", "docker")
CERTIFICATE_VARIABLES = ("CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Builder:
    """One of the programs.

    Args:
        program: its name.
    """

    program: str

    def build(
        self,
        context: Path,
        image: str,
        time: int,
        secrets: Mapping[str, Path],
        arguments: Mapping[str, str],
        *,
        limits: Mapping[str, int],
    ) -> list[str]:
        """Build and tag an image whose times are all the same.

        Args:
            context: folder with the Dockerfile and what it names.
            image: name and tag.
            time: seconds since 1970.
            secrets: files, by what the Dockerfile calls them.
            arguments: of the build, such as proxies.
            limits: of the processes of its steps (ulimit), by name; docker's are its engine's.
        """
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        given += [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        # buildah and podman give all files that a step makes this time, docker's BuildKit the image alone.
        if self.program == "docker":
            own = [f"--build-arg=SOURCE_DATE_EPOCH={time}"]
        else:
            own = ["--layers", f"--timestamp={time}"]
            own += [f"--ulimit={name}={most}:{most}" for name, most in limits.items()]
        return [
            self.program,
            "build",
            *own,
            *given,
            f"--file={context / 'Dockerfile'}",
            f"--tag={image}",
            str(context),
        ]

    def pull(self, image: str) -> list[str]:
        """Have an image on this machine."""
        return [self.program, "pull", "--quiet", image]

    def digest(self, image: str) -> list[str]:
        """Print what an image of this machine is known by to a registry: a digest, or a name with one."""
        if self.program == "buildah":
            return [self.program, "inspect", "--type=image", "--format={{.FromImageDigest}}", image]
        if self.program == "podman":
            return [self.program, "image", "inspect", "--format={{.Digest}}", image]
        return [self.program, "image", "inspect", "--format={{index .RepoDigests 0}}", image]

    def push(self, image: str, digest_file: Path) -> list[str]:
        """Push an image; buildah and podman write its digest into the file."""
        if self.program == "docker":
            return [self.program, "push", image]
        return [self.program, "push", f"--digestfile={digest_file}", image, f"docker://{image}"]


def find(which: Callable[[str], str | None] = shutil.which) -> Builder:
    """The first builder of this machine.

    Raises:
        SparkSessionError: there is none.
    """
    program = next((name for name in PROGRAMS if which(name)), None)
    if program is None:
        raise SparkSessionError(
            "There is nothing here that builds images.",
            f"None of {', '.join(PROGRAMS)} is installed; in a notebook of the platform there is none on purpose.",
            "Build on your laptop or in CI, with one of them. --print shows the Dockerfile alone.",
        )
    return Builder(program)


def own_limits(highest_process: Path = Path("/proc/sys/kernel/pid_max")) -> dict[str, int]:
    """This process's limits, which a build keeps: buildah and podman otherwise raise two of them, which not every root may (a CI job in a container).

    Args:
        highest_process: file with the highest process id, where the system has one: some of them lower their own limit of processes to
            that first, and cannot go back.
    """
    files, processes = (resource.getrlimit(which)[1] for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC))
    if highest_process.exists():
        most = int(highest_process.read_text())
        processes = most if processes == resource.RLIM_INFINITY else min(most, processes)
    return {"nofile": files, "nproc": processes}


def secrets(variables: Mapping[str, str], home: Path) -> dict[str, Path]:
    """The person's own settings with which a build reaches the network, by what the Dockerfile calls them. Only files that exist.

    Args:
        variables: environment variables.
        home: the home folder.
    """
    configuration = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    named = [Path(variables["PIP_CONFIG_FILE"])] if variables.get("PIP_CONFIG_FILE") else []
    pip = [*named, configuration / "pip" / "pip.conf", home / ".pip" / "pip.conf", Path("/etc/pip.conf")]
    certificates = [Path(variables[name]) for name in CERTIFICATE_VARIABLES if variables.get(name)]
    found = {
        "pip": next((path for path in pip if path.is_file()), None),
        "ca": next((path for path in certificates if path.is_file()), None),
    }
    return {name: path for name, path in found.items() if path is not None}


def proxies(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Proxies, as arguments of a build."""
    return {name: variables[name] for name in PROXY_VARIABLES if variables.get(name)}
