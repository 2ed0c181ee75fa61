"""Environments as venv-pack and conda-pack make them: their packages come after those of this Python, on driver and executors alike."""

from __future__ import annotations

import sys
import sysconfig
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from spark_session.errors import SparkSessionError, show


def site_packages(text: str, names: Sequence[str]) -> str:
    """Where an environment's packages are, from the names in its archive. Pure.

    Args:
        text: what a person wrote for the archive.
        names: paths of everything in it.

    Returns:
        For example "lib/python3.13/site-packages".

    Raises:
        SparkSessionError: it is no environment, or one for another Python or platform.
    """
    paths = [PurePosixPath(name) for name in names]
    found = sorted(
        {
            path.parts[1]
            for path in paths
            if len(path.parts) > 3 and path.parts[0] == "lib" and path.parts[2] == "site-packages"
        }
    )
    found = [name for name in found if name.startswith("python3.")]
    if not found:
        raise SparkSessionError(
            f"{show(text)} is not a packed environment.",
            "It has no lib/python3.*/site-packages at its top.",
            "Make it with venv-pack or conda-pack; the source of a package goes into packages=.",
        )
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if here not in found:
        raise SparkSessionError(
            f"{show(text)} is for another Python.",
            f"It holds packages of {', '.join(found)}, and {here} runs here and on executors.",
            f"Make it anew with {here}, best in a notebook of this platform.",
        )
    folder = f"lib/{here}/site-packages"
    ending = str(sysconfig.get_config_var("EXT_SUFFIX"))
    foreign = [
        path.name
        for path in paths
        if f"{path}".startswith(folder)
        and ".cpython-" in path.name
        and path.suffix in {".so", ".pyd", ".dylib"}
        and not path.name.endswith(ending)
    ]
    if foreign:
        raise SparkSessionError(
            f"{show(text)} is for another Python or platform.",
            f"It has {foreign[0]}, and this Python loads what ends with {ending}.",
            "Make it anew on a machine like this one, best in a notebook of this platform.",
        )
    return folder


def unpack(text: str, archive: Path, target: Path) -> Path:
    """Unpack an environment.

    Returns:
        Its folder of packages.

    Raises:
        SparkSessionError: it is broken, no environment, or does not fit this Python.
    """
    try:
        with tarfile.open(archive, "r:gz") as opened:
            members = opened.getmembers()
            folder = site_packages(text, [member.name.removeprefix("./") for member in members])
            opened.extractall(target, filter=_inside)  # noqa: S202 (the filter keeps it inside)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SparkSessionError(
            f"{show(text)} is broken.", f"It cannot be unpacked: {error}.", "Copy or make it again."
        ) from error
    return target / folder


def _inside(member: tarfile.TarInfo, target: str) -> tarfile.TarInfo | None:
    try:
        return tarfile.data_filter(member, target)
    except (tarfile.AbsoluteLinkError, tarfile.LinkOutsideDestinationError):
        return None  # a link to the Python that it was made with; the one that runs here is used


def hidden(environment: Mapping[str, str], image: Mapping[str, str]) -> list[str]:
    """Packages of an environment that are not used because this Python has them in another version: "name (there, here)". Pure."""
    return [
        f"{name} ({version} there, {image[name]} here)"
        for name, version in sorted(environment.items())
        if image.get(name, version) != version and name not in {"pip", "setuptools", "wheel"}
    ]
