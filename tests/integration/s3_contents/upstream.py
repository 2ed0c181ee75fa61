"""Jupyter Server's own tests, which its wheel does not have: they are in the source distribution of the same version."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dev.paths import cache_folder

VERSION = "2.21.1"
SHA256 = "a8960aa29263f6041283e97d4756b099fb49b767baab6371891ecb1bd40a63df"
PACKAGE = "jupyter_server_tests"


def module(name: str, conftest: Any = None) -> ModuleType:
    """A module of the tests, for example "services.contents.test_manager".

    ``conftest`` stands in for the tests' own conftest.py, which some modules import.
    """
    if PACKAGE not in sys.modules:
        _load_package(_unpacked() / "tests")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tests.conftest", conftest)
        return importlib.import_module(f"{PACKAGE}.{name}")


def tests_of(upstream: ModuleType, left_out: dict[str, str]) -> dict[str, Any]:
    """The test functions of a module but those left out; AssertionError if one of these does not exist."""
    found = {name: value for name, value in vars(upstream).items() if name.startswith("test_")}
    assert not left_out.keys() - found.keys(), f"not in {upstream.__name__}: {left_out.keys() - found.keys()}"
    return {name: value for name, value in found.items() if name not in left_out}


def without_case(test: Any, case: list[Any]) -> Any:
    """A parametrized test without one of its cases, which must exist."""
    (mark,) = (mark for mark in test.pytestmark if mark.name == "parametrize")
    names, cases = mark.args
    assert case in cases, f"{test.__name__} has no case {case}"

    test.pytestmark = [pytest.mark.parametrize(names, [other for other in cases if other != case]).mark]
    return test


def _load_package(folder: Path) -> None:
    # Under a name of its own, since our tests are in a package "tests", too.
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def _unpacked() -> Path:
    downloads = cache_folder() / "downloads"
    folder = downloads / f"jupyter_server-{VERSION}"
    if not folder.exists():
        archive = downloads / f"jupyter_server-{VERSION}.tar.gz"
        if not archive.exists():
            _download(downloads)
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256, f"{archive} is not the one expected"
        with tarfile.open(archive) as tar:
            tar.extractall(downloads, filter="data")
    return folder


def _download(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pip = [str(Path(sys.executable).parent / "uv"), "tool", "run", "pip@25.3"]
    source = ["download", "--no-deps", "--no-binary", ":all:", f"jupyter_server=={VERSION}"]
    subprocess.run([*pip, *source, "--dest", str(folder)], check=True)
