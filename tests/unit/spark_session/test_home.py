from __future__ import annotations

import pytest

from spark_session import SparkSessionError, s3_home


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_NOTEBOOKS_S3_HOME", "s3://notebooks/users/ada/")


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ((), "s3://notebooks/users/ada"),
        (("data",), "s3://notebooks/users/ada/data"),
        (("data", "flights.parquet"), "s3://notebooks/users/ada/data/flights.parquet"),
        (("data/2013/", "/flights"), "s3://notebooks/users/ada/data/2013/flights"),
        (("a b", "ü"), "s3://notebooks/users/ada/a b/ü"),
    ],
)
def test_a_path(parts: tuple[str, ...], path: str) -> None:
    assert s3_home(*parts) == path


@pytest.mark.parametrize("part", ["", "/", "..", "data/../../eve", ".", "a//b", 7, None])
def test_no_path_leads_out(part: object) -> None:
    with pytest.raises(SparkSessionError, match="s3_home got"):
        s3_home("data", part)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, "", "/home/ada", "https://s3/notebooks"])
def test_a_machine_without_a_place(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("SPARK_NOTEBOOKS_S3_HOME")
    else:
        monkeypatch.setenv("SPARK_NOTEBOOKS_S3_HOME", value)
    with pytest.raises(SparkSessionError, match="SPARK_NOTEBOOKS_S3_HOME"):
        s3_home("data")
