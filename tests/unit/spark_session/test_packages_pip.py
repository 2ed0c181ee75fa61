"""What pip is asked, what it answers, and what it says when it gives up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from spark_session.errors import SparkSessionError
from spark_session.packages import pip
from spark_session.packages.pip import Distribution, check_against_image, check_loaded, distributions, installed, lines
from spark_session.packages.pip_failures import failure

IMAGE = {"numpy": "2.3.1", "pandas": "2.3.3", "ruamel-yaml": "0.18.1"}
REPORT = {
    "install": [
        {
            "metadata": {"name": "polars", "version": "1.35.2"},
            "download_info": {"url": "https://index/polars.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
            "is_direct": False,
        },
        {
            "metadata": {"name": "tool", "version": "1.0"},
            "download_info": {"url": "file:///x/tool.whl", "archive_info": {"hashes": {"sha256": "cd"}}},
            "is_direct": True,
        },
    ]
}


def test_the_report_says_what_is_installed_from_where() -> None:
    found = distributions(REPORT)
    assert found == [
        Distribution("polars", "1.35.2", "https://index/polars.whl", "ab"),
        Distribution("tool", "1.0", "file:///x/tool.whl", "cd", direct=True),
    ]
    assert lines(found) == ["polars==1.35.2 --hash=sha256:ab", "tool @ file:///x/tool.whl --hash=sha256:cd"]


def test_what_is_built_has_no_hash_and_then_nothing_has() -> None:
    download = {"url": "https://host/tool", "vcs_info": {"vcs": "git", "commit_id": "0123"}}
    built = {
        "install": [
            *REPORT["install"],
            {"metadata": {"name": "b", "version": "1"}, "download_info": download, "is_direct": True},
        ]
    }
    assert lines(distributions(built)) == [
        "polars==1.35.2",
        "tool @ file:///x/tool.whl",
        "b @ git+https://host/tool@0123",
    ]


def test_what_the_image_has_is_left_alone() -> None:
    asked = [
        "numpy",
        "Pandas>=2",
        "ruamel.yaml",
        "polars",
        "/x/tool-1.0-py3-none-any.whl",
        "numpy<1; python_version<'3'",
    ]
    assert check_against_image(asked, IMAGE) == {"numpy": "2.3.1", "Pandas>=2": "2.3.3", "ruamel.yaml": "0.18.1"}


@pytest.mark.parametrize("asked", ["numpy<2", "numpy==2.3.2", "numpy @ https://example.org/numpy-2.3.1.whl"])
def test_another_version_than_the_images_is_refused(asked: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        check_against_image([asked], IMAGE)
    assert str(caught.value).startswith(f"{asked} does not go with numpy 2.3.1")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("/opt/venv/bin/python: No module named pip", "has no pip"),
        (
            "ERROR: Cannot install tool because these package versions have conflicting dependencies.\n\nThe conflict is caused by:\n"
            "    tool 1.0 depends on numpy<2\n    The user requested (constraint) numpy==2.3.1\n",
            "does not go with numpy 2.3.1",
        ),
        (
            "ERROR: Cannot install a and b because these package versions have conflicting dependencies.\n\nThe conflict is caused by:\n"
            "    a 1 depends on c<2\n    b 1 depends on c>2\n",
            "a 1 depends on c<2; b 1 depends on c>2.",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement tool==9 (from versions: 1.0, 1.1)\n",
            "The newest versions that there are: 1.0, 1.1.",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement tool (from versions: none)\n",
            "There is no package tool for this Python.",
        ),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/tool/\n"
            "ERROR: Could not find a version that satisfies the requirement tool (from versions: none)\n",
            "pip's index does not answer from here (NewConnectionError).",
        ),
        ("ERROR: tool-1-cp27-cp27m-win32.whl is not a supported wheel on this platform.\n", "not a supported wheel"),
        ("ERROR: Wheel 'tool' located at /x/tool.whl is invalid.\n", "is invalid."),
        ("ERROR: HTTP error 404 while getting https://e/t.whl\nERROR: 404 Client Error: Not Found for url: https://e/t.whl", "404 Client"),
        ("error: subprocess-exited-with-error\n\nerror: metadata-generation-failed", "cannot be built"),
        ("ERROR: something new\n", "pip says: something new."),
        ("", "pip says: nothing."),
    ],
)  # fmt: skip
def test_what_pip_says_is_explained(said: str, words: str) -> None:
    error = failure(said, ["tool"])
    assert words in str(error)
    assert all(part.endswith(".") for part in (error.what, error.why, error.fix))


def make_distribution(folder: Path, name: str, version: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("")
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}-{version}.dist-info/METADATA,,\n")


def test_a_package_that_is_imported_in_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, target = tmp_path / "here", tmp_path / "target"
    make_distribution(here, "sample_tool", "1.0")
    make_distribution(target, "sample_tool", "2.0")
    monkeypatch.syspath_prepend(here)
    check_loaded(target)
    __import__("sample_tool")
    try:
        with pytest.raises(SparkSessionError, match=r"It has imported sample_tool 1.0 already"):
            check_loaded(target)
    finally:
        del sys.modules["sample_tool"]


def test_the_first_of_two_installed_versions_counts(tmp_path: Path) -> None:
    make_distribution(tmp_path / "a", "sample_tool", "1.0")
    make_distribution(tmp_path / "b", "sample_tool", "2.0")
    assert installed([tmp_path / "a", tmp_path / "b"]) == {"sample-tool": "1.0"}
    assert "pytest" in installed(pip.image_folders())
