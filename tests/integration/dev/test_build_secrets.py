"""Images that are built with secrets, in a storage of the tests' own: none of them is in a layer, or in what the image says of its making."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import images
from dev.image_base import ensure_base
from dev.image_builder import find_builder, output
from dev.images import secrets
from tests.support.secret_search import search

pytestmark = pytest.mark.long
PLANTED = {
    "of npm": "planted-npm-password-71c0e4",
    "of pip": "planted-pip-password-93ab17",
    "of the authorities": "planted-authority-5d20fe",
    "of Maven": "planted-maven-password-0b88d2",
}


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The user's own settings with a secret in a comment of each, in a home of the tests' own."""
    own = secrets(os.environ, Path.home())
    authorities = own.get("ca") or Path("/etc/ssl/certs/ca-certificates.crt")
    files = {
        "NPM_CONFIG_USERCONFIG": (own.get("npm"), f"; {PLANTED['of npm']}"),
        "PIP_CONFIG_FILE": (own.get("pip"), f"# {PLANTED['of pip']}"),
        "CA_BUNDLE": (authorities, f"# {PLANTED['of the authorities']}"),
    }
    for variable, (path, comment) in files.items():
        copy = tmp_path / variable.lower()
        text = path.read_text() if path else "[global]\n" if variable == "PIP_CONFIG_FILE" else ""
        copy.write_text(f"{text}\n{comment}\n")
        monkeypatch.setenv(variable, str(copy))
    maven = tmp_path / "home" / ".m2" / "settings.xml"
    maven.parent.mkdir(parents=True)
    settings = own["maven"].read_text() if "maven" in own else "<settings></settings>"
    maven.write_text(f"{settings}\n<!-- {PLANTED['of Maven']} -->\n")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    builder = find_builder()
    output(builder.command("rmi", "--all", "--force"))


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", ["proxy", "hub"])
def test_no_secret_of_a_build_is_in_its_image(tmp_path: Path, name: str) -> None:
    builder = find_builder()
    if builder.program != "buildah":
        pytest.fail("only buildah has a storage of its own here: install it")
    ensure_base(builder, tmp_path / "log", lambda line: None)
    reference = images.build([name])[name]
    given = secrets(os.environ, Path.home())
    assert set(given) == {"ca", "pip", "npm", "maven"}
    archive = tmp_path / "image.tar"
    subprocess.run(builder.command("push", "--quiet", reference, f"docker-archive:{archive}"), check=True)
    said = output(builder.command("inspect", "--type=image", reference))
    assert said
    documents = [("layers", archive.read_bytes()), ("what it says", said.encode())]
    assert search(PLANTED, documents) == []
    # That the search looks into layers: a file that is in each image.
    assert search({"Debian's address": "https://www.debian.org/"}, documents)
