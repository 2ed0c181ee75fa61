"""Packages and code of a session: told apart by their form, found, and shown."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from spark_session.errors import SparkSessionError
from spark_session.packages.along import addressed
from spark_session.packages.items import Item, Kind, code_kind, package_kind, parse_packages, repository
from spark_session.plan import build
from spark_session.settings import Source

from .conftest import NOTEBOOK, MakeContext

ON_S3 = {**NOTEBOOK, "SPARK_NOTEBOOKS_NOTEBOOK": "work/flights.ipynb"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("polars", Kind.PIP),
        ("polars==1.*", Kind.PIP),
        ("ruamel.yaml", Kind.PIP),
        ("discord.py>=2", Kind.PIP),
        ("pandas[parquet]>=2,<3", Kind.PIP),
        ("duckdb; python_version>'3'", Kind.PIP),
        ("tool @ https://example.org/tool-1.0.zip", Kind.PIP),
        ("./dist/tool-1.0-py3-none-any.whl", Kind.PIP),
        ("tool-1.0.tar.gz", Kind.PIP),
        ("~/tool/", Kind.PIP),
        ("s3://bucket/tool-1.0-py3-none-any.whl", Kind.PIP),
        ("https://example.org/tool-1.0-py3-none-any.whl#sha256=0", Kind.PIP),
        ("git+https://example.org/team/tools@v1", Kind.PIP),
        ("org.apache.sedona:sedona-spark-4.0_2.13:1.8.0", Kind.MAVEN),
        ("tools/driver.jar", Kind.JAR),
        ("s3a://bucket/driver.jar", Kind.JAR),
    ],
)
def test_packages_are_told_apart_by_their_form(text: str, kind: Kind) -> None:
    assert package_kind(text) is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("helper.py", Kind.CODE),
        ("my_package", Kind.CODE),
        ("s3://bucket/team/src", Kind.CODE),
        ("code.zip", Kind.CODE),
        ("tool-1.0-py3-none-any.whl", Kind.PIP),
        ("git+ssh://git@example.org/team/tools.git@main", Kind.REPOSITORY),
    ],
)
def test_code_is_told_apart_by_its_form(text: str, kind: Kind) -> None:
    assert code_kind(text) is kind


def test_one_text_is_a_list_of_one() -> None:
    assert parse_packages(" polars ") == parse_packages(["polars"]) == ("polars",)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("git+https://example.org/t/r", ("https://example.org/t/r", None, "")),
        ("git+https://example.org/t/r@v1.2", ("https://example.org/t/r", "v1.2", "")),
        ("git+ssh://git@example.org/t/r.git", ("ssh://git@example.org/t/r.git", None, "")),
        ("git+ssh://git@example.org/t/r.git@feature/x", ("ssh://git@example.org/t/r.git", "feature/x", "")),
        ("git+https://example.org/t/r@v1#egg=r&subdirectory=src/", ("https://example.org/t/r", "v1", "src")),
    ],
)
def test_the_parts_of_a_repository(text: str, parts: tuple[str, str | None, str]) -> None:
    assert repository(text) == parts


def test_without_any_nothing_is_looked_for(make_context: MakeContext) -> None:
    plan = build(make_context())
    assert plan.items == ()
    assert not any("PYTHONPATH" in name for _, name, _ in plan.rows())


def test_the_administrators_come_first_and_once(make_context: MakeContext) -> None:
    admin = {"packages": ["polars", "duckdb"], "py_files": ["git+https://example.org/team/tools@v1"]}
    plan = build(make_context(admin=admin, packages=["duckdb", "org.a:b:1"]))
    assert [(item.text, item.kind, item.source) for item in plan.items] == [
        ("polars", Kind.PIP, Source.ADMIN),
        ("duckdb", Kind.PIP, Source.ADMIN),
        ("org.a:b:1", Kind.MAVEN, Source.USER),
        ("git+https://example.org/team/tools@v1", Kind.REPOSITORY, Source.ADMIN),
    ]
    assert ("admin", "packages: polars", "not looked up yet") in plan.rows()
    assert "packages: org.a:b:1" in repr(plan)


def test_an_administrators_mistake_is_named_as_one(make_context: MakeContext) -> None:
    with pytest.raises(SparkSessionError, match="the administrator's packages has 'polars=1'"):
        build(make_context(admin={"packages": ["polars=1"]}))


def test_who_is_told_what_an_administrators_entry_lacks() -> None:
    items = [Item(Kind.PIP, "metrics==9", None, Source.ADMIN), Item(Kind.PIP, "polars==9", None)]
    theirs = addressed(SparkSessionError("There is no metrics==9 for this Python.", "Why.", "Ask for another."), items)
    assert str(theirs).endswith("Why. Your administrator wants it in every session: show this to your administrator.")
    mine = SparkSessionError("There is no polars==9 for this Python.", "Why.", "Ask for another.")
    assert addressed(mine, items) is mine


def test_files_of_this_machine(make_context: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("")
    with zipfile.ZipFile(tmp_path / "tool.jar", "w"):
        pass
    plan = build(make_context(ON_S3, packages="tool.jar", py_files=["helper.py", "."]))
    assert [item.place for item in plan.items] == [
        str(tmp_path / "tool.jar"),
        str(tmp_path / "helper.py"),
        str(tmp_path),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("helper.py", "s3://notebooks/users/ada/work/helper.py"),
        ("./tools/", "s3://notebooks/users/ada/work/tools"),
        ("../helper.py", "s3://notebooks/users/ada/helper.py"),
        ("s3a://team/tools", "s3://team/tools"),
    ],
)
def test_what_is_not_on_this_machine_is_beside_the_notebook(make_context: MakeContext, text: str, place: str) -> None:
    [item] = build(make_context(ON_S3, py_files=text)).items
    assert item == Item(Kind.CODE, text, place)
    assert item.is_remote


@pytest.mark.parametrize("text", ["../../../eve/helper.py", "../../../../x.py", "../../adam.py"])
def test_beside_the_notebook_ends_at_a_persons_place(make_context: MakeContext, text: str) -> None:
    with pytest.raises(SparkSessionError, match="leads out of your place"):
        build(make_context(ON_S3, py_files=text))


@pytest.mark.parametrize(
    "case",
    [
        ("packages", "tool.jar", "no jar", "is broken"),
        ("packages", "tool-1.0-py3-none-any.whl", "no wheel", "is broken"),
        ("packages", "folder/note", "", "neither pyproject.toml nor setup.py"),
        ("packages", "tool.jar/inner", "", "is a folder"),
        ("py_files", "code.zip", "no zip", "is broken"),
        ("py_files", "data.csv", "1,2", "Data files are read from S3"),
        ("environment", "env.tar.gz/inner", "", "is a folder"),
    ],
)
def test_a_bad_file(make_context: MakeContext, tmp_path: Path, case: tuple[str, str, str, str]) -> None:
    argument, name, content, message = case
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    top = tmp_path / name.partition("/")[0]
    with pytest.raises(SparkSessionError, match=message):
        build(make_context(**{argument: str(top)}))


def test_a_forgotten_ending_is_guessed(
    make_context: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("")
    with pytest.raises(SparkSessionError, match=r"Did you mean 'helper.py'\?"):
        build(make_context(py_files="helper"))


def test_importing_the_library_imports_no_packaging() -> None:
    code = "import sys, spark_session; print('packaging' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_code_beside_a_notebook_in_a_shared_folder(make_context: MakeContext) -> None:
    shared = {
        **NOTEBOOK,
        "SPARK_NOTEBOOKS_NOTEBOOK": "shared/flights/r/a.ipynb",
        "SPARK_NOTEBOOKS_NOTEBOOK_FOLDER": "s3://notebooks/groups/flights/r",
    }
    [item] = build(make_context(shared, py_files="helper.py")).items
    assert item.place == "s3://notebooks/groups/flights/r/helper.py"
    with pytest.raises(SparkSessionError, match="leads out of your place"):
        build(make_context(shared, py_files="../helper.py"))
