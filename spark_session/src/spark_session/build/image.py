"""Builds the image of a project, and pushes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spark_session.build import builders, dockerfile, naming, project, tree
from spark_session.build.builders import Builder
from spark_session.build.project import NOTHING, PYPROJECT, UV_LOCK, Lock, Project
from spark_session.environment import IMAGE_VARIABLE
from spark_session.errors import SparkSessionError, show

_LAST_LINES = 20
_EXPORT = ("export", "--frozen", "--no-dev", "--no-emit-project", "--format=requirements-txt", "--quiet")


@dataclass(frozen=True)
class Plan:
    """An image that may be built: all of it is checked that can be without building.

    Args:
        folder: of the project.
        files: their paths in it.
        project: what they say.
        lock: what is installed.
        state: of the files.
        image: name and tag.
    """

    folder: Path
    files: tuple[str, ...]
    project: Project
    lock: Lock
    state: naming.State
    image: str

    def dockerfile(self, base: str) -> str:
        """The text; base: the notebook image, by its digest."""
        labels = naming.labels(self.project, self.lock, self.state, base)
        return dockerfile.dockerfile(base, self.project, self.lock, self.files, labels)


def plan(folder: Path, tag: str | None, *, dirty: bool, variables: Mapping[str, str] = os.environ) -> Plan:
    """What would be built.

    Args:
        folder: of the project.
        tag: "NAME", "NAME:TAG", or None for the project's own.
        dirty: whether files may be other than they were committed.
        variables: environment variables.

    Raises:
        SparkSessionError: something is not as it should be.
    """
    folder = folder.resolve()
    files = tree.files_of(folder)
    project.check_files(files)
    text = (folder / PYPROJECT).read_text(encoding="utf-8") if PYPROJECT in files else None
    found = project.parse(text, folder.name)
    lock = _lock(folder, project.source_of(found, files))
    state = tree.state_of(folder, files, variables, dirty=dirty)
    return Plan(folder, tuple(files), found, lock, state, naming.reference(tag, found, state))


def base_of(named: str | None, variables: Mapping[str, str] = os.environ) -> str:
    """The notebook image that is built upon, as it is called.

    Raises:
        SparkSessionError: nobody says which.
    """
    found = named or variables.get(IMAGE_VARIABLE)
    if found:
        return found
    raise SparkSessionError(
        "Nobody says which image to build upon.",
        "It is the notebook image of your platform, and this machine is no notebook.",
        f"Name it: --base registry.example/spark-notebooks/notebook:1. In a notebook, echo ${IMAGE_VARIABLE} tells it.",
    )


def by_digest(builder: Builder, base: str) -> str:
    """A base by its digest, which names one image for ever.

    Raises:
        SparkSessionError: it cannot be had, or has no digest.
    """
    name = _without_tag(base)
    if "@" in base:
        return f"{name}@{base.partition('@')[2]}"
    printed = _output(builder.digest(base))
    if printed is None:
        _run(builder.pull(base), f"The base {base} cannot be had.")
        printed = _output(builder.digest(base))
    digest = (printed or "").rpartition("@")[2]
    if not digest.startswith("sha256:"):
        raise SparkSessionError(
            f"The base {base} has no digest.",
            "It is on this machine and in no registry, as far as the builder knows.",
            "Push it to a registry, and name it by that.",
        )
    return f"{name}@{digest}"


def build(what: Plan, builder: Builder, base: str, tell: Callable[[str], object]) -> None:
    """Build the image.

    Args:
        what: the image.
        builder: builds it.
        base: the notebook image, by its digest.
        tell: takes the lines of the builder's output.

    Raises:
        SparkSessionError: it cannot be built.
    """
    time = what.state.time
    with tempfile.TemporaryDirectory(prefix="spark-session-build-") as temporary:
        context = Path(temporary)
        tree.stage(what.folder, what.files, context / dockerfile.CODE)
        (context / "Dockerfile").write_text(what.dockerfile(base))
        (context / dockerfile.CHECK).write_text(dockerfile.check(what.project))
        (context / dockerfile.REQUIREMENTS).write_text(what.lock.content)
        tree.settle(context, time)
        given = builders.secrets(os.environ, Path.home())
        _run(
            builder.build(context, what.image, time, given, builders.proxies(), limits=builders.own_limits()),
            f"The image {what.image} was not built.",
            tell,
        )


def push(what: Plan, builder: Builder, tell: Callable[[str], object]) -> str:
    """Push the image; gives its name with its digest, or with its tag where the builder does not tell.

    Raises:
        SparkSessionError: it cannot be pushed.
    """
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "digest"
        _run(builder.push(what.image, file), f"The image {what.image} was built, and not pushed.", tell)
        digest = file.read_text().strip() if file.exists() else ""
    if builder.program == "docker":
        digest = (_output(builder.digest(what.image)) or "").rpartition("@")[2]
    return f"{_without_tag(what.image)}@{digest}" if digest else what.image


def _lock(folder: Path, source: str | None) -> Lock:
    if source is None:
        return NOTHING
    if source != UV_LOCK:
        return project.check_lock(Lock(source, (folder / source).read_text(encoding="utf-8")))
    uv = shutil.which("uv")
    if uv is None:
        raise SparkSessionError(
            f"{UV_LOCK} cannot be read.",
            "That is uv's to do, and uv is not here.",
            f"Install it, or commit its list: uv {' '.join(_EXPORT[:-1])} --output-file requirements.txt",
        )
    done = subprocess.run([uv, *_EXPORT, "--project", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SparkSessionError(f"{UV_LOCK} cannot be read.", f"uv says: {done.stderr.strip()[-300:]}.", "uv lock")
    return project.check_lock(Lock(source, done.stdout))


def _without_tag(image: str) -> str:
    name = image.partition("@")[0]
    head, colon, last = name.rpartition(":")
    return head if colon and "/" not in last else name


def _run(command: Sequence[str], failed: str, tell: Callable[[str], object] = lambda _: None) -> None:
    """Run a builder's command.

    Raises:
        SparkSessionError: it fails. A line that begins with dockerfile.MARK says why.
    """
    last: deque[str] = deque(maxlen=_LAST_LINES)
    why = ""
    try:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                last.append(line.rstrip())
                # docker writes the number of the step and a time before it.
                why = line.partition(dockerfile.MARK)[2].strip() or why
                tell(line.rstrip())
    except OSError as error:
        raise SparkSessionError(failed, f"{error}.", f"Check that {show(command[0])} works here.") from error
    if process.returncode == 0:
        return
    if why:
        raise SparkSessionError(failed, why, "Change the project, or name another --base.")
    lines = "\n".join(last)
    raise SparkSessionError(
        failed,
        f"{command[0]} {command[1]} ended with exit code {process.returncode}:\n\n{lines}\n\n",
        "Its last lines say why.",
    )


def _output(command: Sequence[str]) -> str | None:
    """What a short command prints; None where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


def to_stderr(line: str) -> None:
    """A line of the builder's output, for people: standard output has the image's name alone."""
    print(line, file=sys.stderr, flush=True)
