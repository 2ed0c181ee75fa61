"""Which PySpark is started without its scripts, found before it is loaded."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home
from spark_session.launch import spark_home


@pytest.mark.parametrize("variables", [{}, {"SPARK_HOME": "/opt/spark"}])
def test_it_is_where_pyspark_looks(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert spark_home(variables) == Path(_find_spark_home())


@pytest.mark.parametrize("text", ["__version__ = '3.5.1'", '__version__: str = "5.0.0"', ""])
def test_another_version_is_left_to_its_own_scripts(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyspark").mkdir()
    (tmp_path / "pyspark" / "__init__.py").touch()
    (tmp_path / "pyspark" / "version.py").write_text(text)
    monkeypatch.delitem(sys.modules, "pyspark")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    assert spark_home({}) is None
