"""Python packages: what pip would add to this Python, and its installation into a folder of the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from spark_session.errors import SparkSessionError
from spark_session.packages import pip_failures, workplace

# A call is refused soon where nothing answers; a person's or an administrator's own choice holds.
PATIENCE = {"PIP_RETRIES": "1", "PIP_DEFAULT_TIMEOUT": "15"}


@dataclass(frozen=True)
class Distribution:
    """A package that pip chose.

    Args:
        name: as the package writes it.
        version: of it.
        url: where it comes from, without passwords.
        sha256: of its file; empty where it is built from a repository or a folder.
        direct: whether the call named the file itself and not the package.
    """

    name: str
    version: str
    url: str
    sha256: str = ""
    direct: bool = False


def distributions(report: Mapping[str, Any]) -> list[Distribution]:
    """The packages of pip's installation report (https://pip.pypa.io/en/stable/reference/installation-report/). Pure."""
    found = []
    for item in report["install"]:
        info, download = item["metadata"], item["download_info"]
        url, commit = download["url"], download.get("vcs_info", {}).get("commit_id")
        found.append(
            Distribution(
                info["name"],
                info["version"],
                f"git+{url}@{commit}" if commit else url,
                download.get("archive_info", {}).get("hashes", {}).get("sha256", ""),
                item.get("is_direct", False),
            )
        )
    return found


def lines(found: Sequence[Distribution]) -> list[str]:
    """Lines of a requirements file that mean exactly these. Pure."""
    hashed = all(one.sha256 for one in found)
    return [
        (f"{one.name} @ {one.url}" if one.direct else f"{one.name}=={one.version}")
        + (f" --hash=sha256:{one.sha256}" if hashed else "")
        for one in found
    ]


def installed(folders: Sequence[Path]) -> dict[str, str]:
    """Version of each package in these folders, by its canonical name; the first one found counts."""
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    for one in metadata.distributions(path=[str(folder) for folder in folders]):
        if name := one.metadata["Name"]:
            found.setdefault(canonicalize_name(name), one.version)
    return found


def image_folders() -> list[Path]:
    """Where the packages are that driver and executors have in common: those of the image's Python, not a person's own."""
    return list(dict.fromkeys(Path(sysconfig.get_path(key)) for key in ("purelib", "platlib")))


def check_against_image(requirements: Sequence[str], image: Mapping[str, str]) -> dict[str, str]:
    """Version of those packages that the image has and that satisfy a requirement, by the requirement.

    Raises:
        SparkSessionError: a requirement wants another version of what the image has.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    satisfied = {}
    for text in requirements:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue  # a file or an address: pip reads its name
        version = image.get(canonicalize_name(wanted.name))
        if version is None or (wanted.marker is not None and not wanted.marker.evaluate()):
            continue
        if wanted.url is not None or not wanted.specifier.contains(version, prereleases=True):
            raise pip_failures.other_version(text, wanted.name, version)
        satisfied[text] = version
    return satisfied


def resolve(requirements: Sequence[str], image: Mapping[str, str], work: Path) -> list[Distribution]:
    """What has to be added for these requirements, chosen by pip; nothing is installed.

    Args:
        requirements: as for `pip install`.
        image: packages that stay as they are, with their versions.
        work: an empty folder for pip's files.

    Raises:
        SparkSessionError: pip finds no answer, and why.
    """
    constraints, report = work / "constraints.txt", work / "report.json"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in image.items() if _is_version(version)))
    arguments = ["--dry-run", "--report", str(report), "--constraint", str(constraints), "--", *requirements]
    _pip(arguments, requirements)
    return distributions(json.loads(report.read_text(encoding="utf-8")))


def install(found: Sequence[Distribution], target: Path, work: Path) -> None:
    """Install exactly these into a folder.

    Raises:
        SparkSessionError: one cannot be had after all, or cannot be built.
    """
    exact = work / "exact.txt"
    exact.write_text("".join(f"{line}\n" for line in lines(found)))
    arguments = ["--no-deps", "--no-compile", "--target", str(target), "--requirement", str(exact)]
    _pip(arguments, [f"{one.name}=={one.version}" for one in found])


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _pip(arguments: Sequence[str], asked: Sequence[str]) -> None:
    # Isolated from the person's own packages, which executors have not; the index, proxies and certificates are pip's own settings.
    command = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "install",
        "--progress-bar=off",
        "--no-user",
        "--no-input",
        *arguments,
    ]
    variables = {**PATIENCE, **os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONIOENCODING": "utf-8"}
    # Where a person's settings send packages, this is not one of theirs.
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIREMENT"):
        variables.pop(name, None)
    with subprocess.Popen(
        command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise pip_failures.failure(said, asked)


def check_loaded(target: Path) -> None:
    """Refuse a package that this process has imported in another version: it stays imported, and executors would have this one.

    Args:
        target: folder that the session's packages were installed into.

    Raises:
        SparkSessionError: one is.
    """
    for one in metadata.distributions(path=[str(target)]):
        name = one.metadata["Name"]
        modules = {Path(file).parts[0].split(".")[0] for file in one.files or [] if file.suffix in {".py", ".so"}}
        elsewhere = [
            module
            for module in modules
            if workplace.is_imported(module) and not workplace.is_loaded_from(module, [target])
        ]
        version = _version(name) if elsewhere else None
        if version not in {None, one.version}:
            raise SparkSessionError(
                f"{name} {one.version} cannot be used in this kernel.",
                f"It has imported {name} {version} already, and executors would have another version.",
                f"Restart the kernel, or ask for {name}=={version}.",
            )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
