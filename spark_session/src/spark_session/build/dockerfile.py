"""The Dockerfile of a project's image, and what is checked inside. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping

from spark_session.build.project import Lock, Project

FOLDER = "/opt/project"
"""Of the project's code in the image."""

CODE, REQUIREMENTS, CHECK = "code", "requirements.txt", "check.py"
"""What is in the build's context."""

MARK = "spark-session build: "
"""What a line of the build's output begins with that says why it ended."""

PINNED = ("pyspark", "py4j")
"""Packages that driver, executors and their jars have in common: another version of them would be another Spark."""

_MOUNTS = " ".join(
    (
        "--mount=type=secret,id=ca",
        "--mount=type=secret,id=pip",
        f"--mount=type=bind,source={REQUIREMENTS},target=/tmp/{REQUIREMENTS}",
    )
)
_INSTALL = " \\\n    ".join(
    (
        "[ ! -s /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca;",
        "[ ! -s /run/secrets/pip ] || export PIP_CONFIG_FILE=/run/secrets/pip;",
        "python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-cache-dir --no-compile --no-deps",
        f"--require-hashes --requirement /tmp/{REQUIREMENTS}",
    )
)

_SITE_PACKAGES = "python -c 'import site; print(site.getsitepackages()[0])'"

# It runs with the Python of the image, before anything is installed.
SCRIPT = """\
import re, sys
from importlib.metadata import PackageNotFoundError, version
from packaging.specifiers import SpecifierSet

wanted, pinned = {wanted!r}, {pinned!r}
here = "%d.%d.%d" % sys.version_info[:3]
if not SpecifierSet(wanted).contains(here, prereleases=True):
    sys.exit("{mark}The project needs Python %s, and the image has %s." % (wanted, here))
for line in open("/tmp/{requirements}"):
    match = re.match(r"([A-Za-z0-9._-]+)==([^\\s;]+)", line)
    name = re.sub("[-_.]+", "-", match[1]).lower() if match else None
    try:
        if name in pinned and version(name) != match[2]:
            sys.exit("{mark}The project is locked to %s %s, and the image has %s." % (name, match[2], version(name)))
    except PackageNotFoundError:
        sys.exit("{mark}The base is no notebook image: it has no %s." % name)
"""


def check(project: Project) -> str:
    """A program that ends with a line that begins with MARK where the image's Python or Spark is not what the project needs."""
    return SCRIPT.format(wanted=project.requires_python or "", pinned=PINNED, mark=MARK, requirements=REQUIREMENTS)


def dockerfile(base: str, project: Project, lock: Lock, files: Collection[str], labels: Mapping[str, str]) -> str:
    """The text.

    Args:
        base: the notebook image, by its digest.
        project: what is checked.
        lock: what is installed.
        files: paths of the project's files, to see how it is laid out.
        labels: of the image.
    """
    mounts = f"--mount=type=bind,source={CHECK},target=/tmp/{CHECK} --mount=type=bind,source={REQUIREMENTS},target=/tmp/{REQUIREMENTS}"
    places = [f"{FOLDER}/src", FOLDER] if any(path.startswith("src/") for path in files) else [FOLDER]
    parts = [
        "# Written by spark-session build.",
        f"FROM {base}",
        "USER 0",
        f"RUN {mounts} {_key(check(project), lock.content)} python /tmp/{CHECK}",
        *([f"RUN {_MOUNTS} {_key(lock.content)} \\\n    {_INSTALL}"] if lock.content else []),
        f"COPY {CODE}/ {FOLDER}/",
        # Not PYTHONPATH: a file of the project would take the place of a package of the image that has its name.
        f"RUN printf '%s\\n' {' '.join(places)} > \"$({_SITE_PACKAGES})/project.pth\"",
        "USER 1000",
        "LABEL " + " \\\n      ".join(f"{name}={json.dumps(text)}" for name, text in sorted(labels.items())),
    ]
    return "\n".join(parts) + "\n"


def _key(*contents: str) -> str:
    """A command that does nothing. buildah takes a step for one that it has done, whatever is in the files that are mounted for it: so they are in its text."""
    return f": {hashlib.sha256(chr(0).join(contents).encode()).hexdigest()};"
