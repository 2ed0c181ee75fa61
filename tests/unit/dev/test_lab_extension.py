"""The JupyterLab extension on this machine: what a build depends on."""

from pathlib import Path

import pytest

from dev import lab_extension, npm
from dev.debian import ToolchainError


def test_a_build_depends_on_the_names_and_contents_of_its_sources(tmp_path: Path) -> None:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "src" / "index.ts").write_text("one")
    (tmp_path / "src" / "deep" / "model.ts").write_text("two")
    (tmp_path / "README.md").write_text("no part of it")
    files = npm.contents(tmp_path, ("package.json", "src", "style"))
    assert files == {"package.json": b"{}", "src/index.ts": b"one", "src/deep/model.ts": b"two"}
    key = npm.key(files)
    assert key == npm.key(dict(reversed(files.items())))
    others = [{**files, "src/index.ts": b"1"}, {"package.json": b"{}"}, {**files, "src/a.ts": b""}]
    assert len({key, *map(npm.key, others)}) == 4


def test_the_sources_are_there() -> None:
    names = (*npm.PACKAGE_FILES, *lab_extension.SOURCES)
    assert all((lab_extension.SOURCE / name).exists() for name in names)


def test_a_build_that_fails_says_what_failed(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"(?s)`ls no-such-file` failed.*no-such-file.*check it"):
        npm.run(("ls", "no-such-file"), tmp_path)
