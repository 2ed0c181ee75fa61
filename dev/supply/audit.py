"""What is known against the packages of the images, as far as their registries tell: PyPI by pip-audit, npm by its own audit.

Registries of Debian, Maven and Go tell nothing of the kind: docs/security/supply.md says how to ask others with the bills of materials.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.debian import tail
from dev.npm import PACKAGE_FILES
from dev.paths import REPOSITORY
from dev.progress import step
from dev.supply.package import PYTHON, Package
from dev.toolchain import ToolchainError, ensure_programs

# The npm packages of the proxy; and those that the JupyterLab extension is built with and has within its scripts.
NPM_FOLDERS = ("proxy", "notebook-image/lab_extension")


@dataclass(frozen=True, order=True)
class Finding:
    """Something known against a package: `fixed` are versions without it, `links` its other names or its page."""

    source: str
    package: str
    version: str
    identifier: str
    fixed: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a source knows, and what could not be asked of it, in words: nothing found is good news only where nothing is here."""

    findings: tuple[Finding, ...] = ()
    not_asked: tuple[str, ...] = ()


def pins(packages: Iterable[Package], own: Iterable[str]) -> list[str]:
    """The Python packages as `name==version`, sorted, each once; without our `own`, which no index has."""
    ours = set(own)
    return sorted(
        {f"{each.name}=={each.version}" for each in packages if each.kind == PYTHON and each.name not in ours}
    )


def own_packages(folder: Path = REPOSITORY) -> list[str]:
    """The names of the packages that this repository makes."""
    projects = (tomllib.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*/**/pyproject.toml"))
    return [project["project"]["name"] for project in projects if "project" in project]


def of_pip_audit(text: str) -> Answer:
    """The findings in pip-audit's JSON."""
    report = json.loads(text)["dependencies"]
    skipped = tuple(f"PyPI: {each['name']}: {each['skip_reason']}" for each in report if "skip_reason" in each)
    findings = (
        Finding(
            "PyPI",
            each["name"],
            each["version"],
            found["id"],
            tuple(found["fix_versions"]),
            tuple(found.get("aliases", ())),
        )
        for each in report
        for found in each.get("vulns", ())
    )
    return Answer(tuple(sorted(findings)), skipped)


def of_npm_audit(text: str, lock: Mapping[str, Any]) -> Answer:
    """The findings in npm's JSON, with the versions of a package-lock.json."""
    report = json.loads(text)
    if "vulnerabilities" not in report:
        return Answer(not_asked=(f"npm: {report.get('message') or report.get('error')}",))
    return Answer(tuple(sorted(set(_of_npm(report["vulnerabilities"], lock["packages"])))))


def _of_npm(vulnerabilities: Mapping[str, Any], locked: Mapping[str, Any]) -> Iterator[Finding]:
    for each in vulnerabilities.values():
        for found in each["via"]:
            # Else it is the name of a package that this one needs, which has its own entry.
            if isinstance(found, dict):
                for node in each["nodes"]:
                    version = locked.get(node, {}).get("version", "")
                    yield Finding(
                        "npm",
                        each["name"],
                        version,
                        found["url"].rpartition("/")[2],
                        (),
                        (found["title"], found["url"]),
                    )


def ask_pypi(wanted: Sequence[str]) -> Answer:
    """Asks PyPI about exact versions."""
    with (
        tempfile.TemporaryDirectory(prefix="audit.") as folder,
        step(f"Asking PyPI about {len(wanted)} Python packages"),
    ):
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("\n".join(wanted) + "\n")
        options = ["--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off"]
        command = [sys.executable, "-m", "pip_audit", f"--requirement={requirements}", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        return Answer(not_asked=(f"PyPI: {tail(done.stderr)}",))
    return of_pip_audit(done.stdout)


def ask_npm(folder: str) -> Answer:
    """Asks npm's registry about the packages of a lock file."""
    try:
        ensure_programs("node", "npm")
    except ToolchainError as error:
        return Answer(not_asked=(f"npm: {error}",))
    source = REPOSITORY / folder
    with tempfile.TemporaryDirectory(prefix="audit.") as work, step(f"Asking npm about {folder}"):
        for file in PACKAGE_FILES:
            shutil.copy(source / file, work)
        command = ["npm", "audit", "--json", "--package-lock-only"]
        environment = {**os.environ, "NPM_CONFIG_AUDIT": "true"}
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        return Answer(not_asked=(f"npm: {tail(done.stderr)}",))
    return of_npm_audit(done.stdout, json.loads((source / "package-lock.json").read_text(encoding="utf-8")))


def told(answers: Sequence[Answer]) -> str:
    """What came of it, for a terminal."""
    findings = [finding for answer in answers for finding in answer.findings]
    not_asked = [reason for answer in answers for reason in answer.not_asked]
    lines = [
        f"{each.source:5} {each.package} {each.version}: {each.identifier}"
        + (f", mended in {', '.join(each.fixed)}" if each.fixed else "")
        + (f" ({', '.join(each.links)})" if each.links else "")
        for each in findings
    ]
    lines += [f"NOT ASKED  {reason}" for reason in not_asked]
    lines += [
        f"{len(findings)} known, {len(not_asked)} not asked",
        "Debian, Java and Go packages: their registries tell nothing; see docs/security/supply.md for scanners of .sbom/*.cdx.json.",
    ]
    return "\n".join(lines)
