"""The settings that are declared are settings that Spark and Hadoop have."""

from __future__ import annotations

import json

from spark_session import cell_progress

from .conftest import Run


def test_every_declared_setting_exists(run: Run) -> None:
    result = run("""
import json
from pyspark import SparkContext
from spark_session import get_spark_session
from spark_session.settings import SETTINGS

get_spark_session()
jvm = SparkContext._jvm
load = jvm.java.lang.Class.forName
for name in ("deploy.k8s.Config$", "internal.config.package$", "internal.config.UI$"):
    load(f"org.apache.spark.{name}")
find = jvm.org.apache.spark.internal.config.ConfigEntry.findEntry
constants = {
    field.get(None)
    for name in ("Constants", "commit.CommitConstants")
    for field in load(f"org.apache.hadoop.fs.s3a.{name}").getFields()
}

missing = []
for setting in SETTINGS:
    if setting.is_family:
        continue
    hadoop = setting.key.removeprefix("spark.hadoop.")
    if hadoop != setting.key:
        # Hadoop makes the names of these two from the scheme.
        known = hadoop in constants or hadoop in ("fs.s3.impl", "mapreduce.outputcommitter.factory.scheme.s3")
    else:
        known = find(setting.key) is not None
    if not known:
        missing.append(setting.key)
print(json.dumps(missing))
""")
    assert result.returncode == 0, result.stderr
    # Spark reads three without declaring them; one is the session's own.
    undeclared = {"spark.app.name", "spark.master", "spark.remote"}
    assert set(json.loads(result.stdout)) == undeclared | {cell_progress.SETTING}
