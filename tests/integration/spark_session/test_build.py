"""`spark-session build` with the builder of this machine, on top of the platform's own notebook image."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from spark_session.batch.command import main
from spark_session.build import builders, image

from dev import images
from dev.image_builder import Builder, environment, find_builder, output, own_limits
from dev.paths import REPOSITORY

PYPROJECT = """
[project]
name = "flights"
version = "1.2"
requires-python = "{python}"
dependencies = ["iniconfig"]
"""
# Small, in no notebook image, and locked in this repository.
PACKAGE = "iniconfig"
LOOK = """
import sys, iniconfig, flights, pyspark
installed = next(path for path in sys.path if path.startswith("/opt/venv/"))
print(flights.HERE, iniconfig.__file__.startswith(installed), sys.path.index("/opt/project") > sys.path.index(installed))
"""


def locked() -> str:
    """The package with its hashes."""
    found = re.search(
        rf"^{PACKAGE}==(?:.*\\\n)*.*\n", (REPOSITORY / "requirements" / "dev.txt").read_text(), re.MULTILINE
    )
    assert found is not None
    return found[0]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The notebook image, in the storage of this repository's builds, which a builder by itself does not know.

    Nobody else builds there meanwhile: each build of the repository's own begins with removing what others have left.
    """
    reference = images.build(["notebook"])["notebook"]
    builder = find_builder()
    if builder.program == "buildah":
        root, run_root = (option.partition("=")[2] for option in builder.options)
        settings = tmp_path / "storage.conf"
        settings.write_text(f'[storage]\ndriver = ""\ngraphroot = "{root}"\nrunroot = "{run_root}"\n')
        monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(settings))
    for name, text in environment().items():
        monkeypatch.setenv(name, text)
    with images.no_other_build():
        yield reference


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a project that is committed, for versions of Python."""

    def make(python: str) -> Path:
        folder = tmp_path / "flights"
        (folder / "src").mkdir(parents=True)
        (folder / "pyproject.toml").write_text(PYPROJECT.format(python=python))
        (folder / "requirements.txt").write_text(locked())
        (folder / "src" / "flights.py").write_text("HERE = 'in the image'\n")
        subprocess.run(["git", "-C", str(folder), "init", "--quiet"], check=True)
        commit(folder)
        return folder

    return make


def commit(folder: Path) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["add", "."], [*identity, "commit", "--quiet", "--message=all"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)


def remove_all(builder: Builder, tag: str) -> None:
    for each in (output(builder.tags(tag)) or "").split():
        output(builder.remove(f"{tag}:{each}"))


def labels_of(builder: Builder, image: str) -> dict[str, str]:
    """What is written on an image of this machine."""
    if builder.program == "buildah":
        found = json.loads(output(builder.command("inspect", "--type=image", image)) or "{}")
        return dict(found["OCIv1"]["config"]["Labels"])
    [found] = json.loads(output(builder.command("image", "inspect", image)) or "[]")
    return dict(found["Config"]["Labels"])


def test_a_project_becomes_an_image_of_ours(
    base: str, project: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, builder = project(">=3.11"), find_builder()
    tag = "localhost/spark-notebooks/test-build"
    try:
        assert main(["build", str(folder), "--base", base, "--tag", tag]) == 0
        told = capsys.readouterr()
        name = told.out.strip()
        assert name.startswith(f"{tag}:1.2-")
        assert f'kubespawner_override: {{"image": "{name}"}}' in told.err
        commit = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
        labels = labels_of(builder, name)
        assert labels["org.opencontainers.image.revision"] == commit
        assert labels["org.opencontainers.image.base.digest"].startswith("sha256:")
        if builder.program == "buildah":
            container = output(builder.command("from", *own_limits(), name))
            assert container is not None
            try:
                told_inside = output(builder.command("run", container, "--", "python", "-c", LOOK))
                who = output(builder.command("run", container, "--", "id", "-u"))
            finally:
                output(builder.command("rm", container))
            assert told_inside == "in the image True True"
            assert who == "1000"
    finally:
        remove_all(builder, tag)


class Forgetful(builders.Builder):
    """Uses nothing of earlier builds."""

    def build(self, *given: Any, **named: Any) -> list[str]:
        program, verb, *rest = super().build(*given, **named)
        return [program, verb, "--no-cache", *rest]


@pytest.mark.long
def test_the_same_commit_is_the_same_image(base: str, project: Callable[[str], Path]) -> None:
    builder, program = find_builder(), builders.find()
    if program.program == "docker":  # gives files the time of the build
        return
    what = image.plan(project(">=3.11"), "localhost/spark-notebooks/test-again", dirty=False)
    digests = set()
    try:
        for _ in range(2):
            image.build(what, Forgetful(program.program), image.by_digest(program, base), lambda _: None)
            digests.add(output(builder.command(*program.digest(what.image)[1:])))
    finally:
        output(builder.remove(what.image))
    assert len(digests) == 1
    assert None not in digests


def test_a_project_for_another_python_is_refused_also_after_one_that_was_built(
    base: str, project: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Builders use earlier steps again, and not what they were about."""
    folder, tag = project(">=3.11"), "localhost/spark-notebooks/test-other"
    try:
        assert main(["build", str(folder), "--base", base, "--tag", tag]) == 0
        (folder / "pyproject.toml").write_text(PYPROJECT.format(python="<3.10"))
        commit(folder)
        assert main(["build", str(folder), "--base", base, "--tag", tag]) == 2
    finally:
        remove_all(find_builder(), tag)
    assert "The project needs Python <3.10, and the image has 3." in capsys.readouterr().err
