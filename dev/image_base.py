"""The base of every image: Debian's official one, or where that cannot be had one of our own name made from Debian packages."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dev.image_builder import Build, Builder, environment, output, run, temporary_folder
from dev.image_context import EPOCH, ImageError
from dev.toolchain import ensure_programs

SUITE = "trixie"
OFFICIAL = f"docker.io/library/debian:{SUITE}-slim"
OWN = f"localhost/spark-notebooks/base:{SUITE}"
SECONDS_FOR_THE_OFFICIAL_ONE = 60
DEBIAN_RELEASES = re.compile(r"(bullseye|bookworm|trixie|forky|duke|sid|(old)*stable|testing|unstable)(-|/|$)")
TARGETS = "$(CREATED_BY)|$(LABEL)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"

DOCKERFILE = """\
FROM scratch
ADD base.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["bash"]
"""


@dataclass(frozen=True)
class Mirrors:
    """Addresses of Debian's archive and of its security updates, as this machine's apt knows them."""

    archive: str
    security: str | None


def mirrors(targets: Iterable[str]) -> Mirrors | None:
    """Debian's mirrors among the lines of `apt-get indextargets --format TARGETS`; None where there are none.

    A label is known only of repositories whose lists were fetched once; without it the release's name decides.
    """
    archive = security = None
    for line in targets:
        created_by, label, release, component, uri = line.strip().split("|")
        if created_by != "Packages" or component != "main":
            continue
        if label not in ("", "Debian", "Debian-Security") or not DEBIAN_RELEASES.match(release):
            continue
        if release.endswith(("-security", "/updates")):
            security = security or uri
        else:
            archive = archive or uri
    return Mirrors(archive, security) if archive else None


def mmdebstrap_command(target: Path, sources: Mirrors) -> list[str]:
    """Makes a small Debian with the security updates of today as a tar file, without documentation and translations."""
    options = [
        # As in Debian's own images: a build that is cut off starts again anyway, so dpkg need not wait for the disk.
        "force-unsafe-io",
        "path-exclude=/usr/share/man/*",
        "path-exclude=/usr/share/doc/*",
        "path-include=/usr/share/doc/*/copyright",
        "path-exclude=/usr/share/locale/*",
        "path-exclude=/usr/share/info/*",
    ]
    lines = [f"deb {sources.archive} {SUITE} main", f"deb {sources.archive} {SUITE}-updates main"]
    if sources.security:
        lines.append(f"deb {sources.security} {SUITE}-security main")
    # With certificates, because the mirror may be an https one.
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--include=ca-certificates",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--dpkgopt={option}" for option in options),
        SUITE,
        str(target),
        *lines,
    ]


def ensure_base(builder: Builder, log: Path, progress: Callable[[str], None]) -> str:
    """The reference of the base image, which is there for the builder when this returns.

    BASE_IMAGE names another one. Debian's own is pulled once if its registry answers; where it does not, ours is made once.
    """
    if wanted := os.environ.get("BASE_IMAGE"):
        if output(builder.layers(wanted)) is None:
            run(builder.pull(wanted), log, progress)
        return wanted
    for reference in (OFFICIAL, OWN):
        if output(builder.layers(reference)) is not None:
            return reference
    progress(f"pulling {OFFICIAL}")
    if _pulled(builder, OFFICIAL):
        return OFFICIAL
    make_base(builder, log, progress)
    return OWN


def _pulled(builder: Builder, reference: str) -> bool:
    try:
        done = subprocess.run(
            builder.pull(reference),
            env=environment(),
            capture_output=True,
            check=False,
            timeout=SECONDS_FOR_THE_OFFICIAL_ONE,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def make_base(builder: Builder, log: Path, progress: Callable[[str], None]) -> None:
    """Makes our own base from the Debian mirror of this machine, and tags it OWN."""
    targets = output(["apt-get", "indextargets", "--format", TARGETS])
    sources = mirrors(targets.splitlines()) if targets else None
    if sources is None:
        raise ImageError(
            f"{OFFICIAL} cannot be pulled, and this machine's apt names no Debian mirror to make a base image from. "
            "Name a Debian 13 image that can be pulled: BASE_IMAGE=registry/debian:trixie-slim"
        )
    ensure_programs("mmdebstrap")
    with tempfile.TemporaryDirectory(dir=temporary_folder(), prefix="base.") as temporary:
        folder = Path(temporary)
        progress(f"{OFFICIAL} cannot be pulled; making a base image from Debian packages")
        run(mmdebstrap_command(folder / "base.tar", sources), log, progress, SOURCE_DATE_EPOCH=str(EPOCH))
        (folder / "Dockerfile").write_text(DOCKERFILE)
        run(builder.build(Build(folder, "Dockerfile", OWN)), log, progress)
