"""Executors that are killed while they write to S3: every row is there once, and nothing of the lost attempts stays."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from cluster import Cluster
from dev.s3_server import S3Server
from tests.support.notebook_pod import Notebook, notebook_with_s3

from .test_committer import unfinished
from .test_control import BEGIN

PARTS = 8
ROWS = 400
WRITE = f"""
import random, threading
import pyspark.sql.functions as F
from spark_session import s3_home

random.seed(SEED)

def done(cluster):
    return sum(one.done for one in cluster.executors())

def slow(x):
    time.sleep(0.02)
    return x

def breaks(x):
    if x == {ROWS} - 1:
        raise ValueError("a row that cannot be written")
    return slow(x)

def lost(path):  # how many tasks of the write to `path` had to be begun again
    tracker = spark.sparkContext.statusTracker()
    stages = [stage for job in tracker.getJobIdsForGroup(path) for stage in tracker.getJobInfo(job).stageIds]
    return sum(tracker.getStageInfo(stage).numFailedTasks for stage in stages)

def write(function, path, ended):
    spark.sparkContext.setJobGroup(path, "a write")
    try:
        spark.range(0, {ROWS}, 1, {PARTS}).select(F.udf(function, "long")("id").alias("id")).write.parquet(path)
        ended.append("written")
    except Exception as error:
        ended.append(type(error).__name__)

struck = []
with get_spark_session(executors=2) as spark:
    cluster = spark_session.cluster(spark)
    for kill in range(KILLS):
        until(lambda: len(running(cluster)) == 2, 120)
        before, ended = done(cluster), []
        path = s3_home(f"seed-SEED-{{kill}}")
        writing = threading.Thread(target=write, args=(slow, path, ended))
        writing.start()
        first = random.randrange({PARTS} - 2)
        until(lambda: done(cluster) - before >= first, 120)
        time.sleep(random.uniform(0, 0.5))
        pod = random.choice([one.pod for one in cluster.executors() if one.state == "running"])
        cluster._pods._kubernetes.delete("pods", pod, gracePeriodSeconds=0)  # as when its node loses power
        writing.join()
        assert ended == ["written"], ended
        struck.append(lost(path))
        rows = sorted(row["id"] for row in spark.read.parquet(path).collect())
        assert rows == list(range({ROWS})), rows
    refused = []
    write(breaks, s3_home("seed-SEED-broken"), refused)
print(json.dumps([struck, refused]))
"""


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    folder = tmp_path_factory.mktemp("s3")
    with notebook_with_s3(node, folder, "test-commits", {"pods": 5}, {"max_executors": 2}) as made:
        yield made


def files(server: S3Server) -> dict[str, list[str]]:
    """The names of all objects below each folder of the person's home."""
    found: dict[str, list[str]] = {}
    for page in server.client.get_paginator("list_objects_v2").paginate(Bucket="notebooks", Prefix="users/ada/"):
        for entry in page.get("Contents", []):
            folder, _, name = entry["Key"].removeprefix("users/ada/").partition("/")
            found.setdefault(folder, []).append(name)
    return found


@pytest.mark.parametrize(
    ("seed", "kills"),
    [
        pytest.param(1, 3, marks=pytest.mark.long),
        pytest.param(2, 40, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
def test_every_row_is_written_once(notebook: Notebook, seed: int, kills: int) -> None:
    result = notebook.run(BEGIN + WRITE.replace("SEED", str(seed)).replace("KILLS", str(kills)))
    assert result.returncode == 0, result.stderr[-3000:]
    struck, refused = json.loads(result.stdout.splitlines()[-1])
    print(f"tasks lost in the middle of their write, by kill: {struck}")
    assert sum(struck) >= kills / 2  # a kill between two tasks strikes none

    assert refused != ["written"]
    assert unfinished(notebook.store) == []
    found = files(notebook.store)
    for kill in range(kills):
        kinds = Counter(name.split("-")[0] for name in found[f"seed-{seed}-{kill}"] if name)
        assert kinds == {"part": PARTS, "_SUCCESS": 1}, found[f"seed-{seed}-{kill}"]
        numbers = {name.split("-")[1] for name in found[f"seed-{seed}-{kill}"] if name.startswith("part")}
        assert len(numbers) == PARTS
    assert [name for name in found.get(f"seed-{seed}-broken", []) if name] == []
