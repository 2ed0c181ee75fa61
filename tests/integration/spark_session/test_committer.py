"""What Spark leaves on a real S3 server: every file once and whole, nothing else, whatever the format and the mode."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from dev.s3_server import S3Server
from tests.support.s3_proxy import S3Proxy

from .conftest import Run, run_script

BEGIN = """
import json
from spark_session import get_spark_session, s3_home
spark = get_spark_session()
frame = spark.range(400).selectExpr("id", "id % 4 as k").repartition(4)
def rows(path, kind="parquet"):
    read = spark.read.schema("id long, k long").format(kind).load(path)
    return sorted(row["id"] for row in read.collect())
seen = {}
def write(kind):
    for scheme in ("s3", "s3a"):
        path = s3_home(f"{kind}-{scheme}").replace("s3://", scheme + "://")
        frame.write.format(kind).save(path)
        seen[f"{kind}-{scheme}"] = rows(path, kind)
"""
# One session does all that a researcher does to a folder; it prints what it then reads there.
MODES = """
write("parquet")
path = s3_home("appended")
for _ in range(2):
    frame.write.mode("append").parquet(path)
seen["appended"] = rows(path)
path = s3_home("overwritten")
for _ in range(2):
    frame.write.mode("overwrite").parquet(path)
seen["overwritten"] = rows(path)
path = s3_home("partitioned")
frame.write.partitionBy("k").parquet(path)
frame.write.mode("append").partitionBy("k").parquet(path)
seen["partitioned"] = rows(path)
print(json.dumps(seen))
"""


@pytest.fixture
def proxy(s3_server: S3Server, variables: dict[str, str]) -> Any:
    """S3 is reached through this proxy."""
    with S3Proxy(s3_server.endpoint) as proxy:
        variables["AWS_ENDPOINT_URL_S3"] = proxy.endpoint
        yield proxy


def names(server: S3Server, folder: str) -> list[str]:
    """The files below a folder of the person's home, without the markers of folders."""
    listing = server.client.list_objects_v2(Bucket="notebooks", Prefix=f"users/ada/{folder}/")
    keys = [entry["Key"].removeprefix(f"users/ada/{folder}/") for entry in listing.get("Contents", [])]
    return [key for key in keys if key and not key.endswith("/")]


def unfinished(server: S3Server) -> list[str]:
    uploads = server.client.list_multipart_uploads(Bucket="notebooks").get("Uploads", [])
    temporary = server.client.list_objects_v2(Bucket="notebooks", Prefix="users/ada/").get("Contents", [])
    return [upload["Key"] for upload in uploads] + [
        entry["Key"] for entry in temporary if "__magic" in entry["Key"] or "_temporary" in entry["Key"]
    ]


def copies(proxy: S3Proxy) -> int:
    return sum("x-amz-copy-source" in request.headers for request in proxy.requests)


OTHERS = ("csv", "json", "orc")
ONCE = list(range(400))


def assert_is_written(server: S3Server, kind: str, seen: dict[str, list[int]]) -> None:
    """As a whole and by the committer that renames nothing, under both schemes."""
    for scheme in ("s3", "s3a"):
        folder = f"{kind}-{scheme}"
        assert seen[folder] == ONCE, folder
        written = names(server, folder)
        assert Counter(name.split("-")[0] for name in written) == {"part": 4, "_SUCCESS": 1}, folder
        success = server.client.get_object(Bucket="notebooks", Key=f"users/ada/{folder}/_SUCCESS")
        assert json.loads(success["Body"].read())["committer"] == "magic"


@pytest.mark.long
def test_every_other_format_commits_without_a_copy(run: Run, s3_server: S3Server, proxy: S3Proxy) -> None:
    result = run(f"{BEGIN}for kind in {OTHERS}: write(kind)\nprint(json.dumps(seen))")
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    for kind in OTHERS:
        assert_is_written(s3_server, kind, seen)
    assert copies(proxy) == 0
    assert unfinished(s3_server) == []


def test_every_mode_commits_without_a_copy(run: Run, s3_server: S3Server, proxy: S3Proxy) -> None:
    result = run(BEGIN + MODES)
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert_is_written(s3_server, "parquet", seen)
    assert seen["appended"] == sorted(ONCE * 2)
    assert len(names(s3_server, "appended")) == 9
    assert seen["overwritten"] == ONCE
    assert len(names(s3_server, "overwritten")) == 5
    assert seen["partitioned"] == sorted(ONCE * 2)
    folders = Counter(name.split("/")[0] for name in names(s3_server, "partitioned"))
    assert folders.keys() == {"k=0", "k=1", "k=2", "k=3", "_SUCCESS"}
    assert copies(proxy) == 0
    assert unfinished(s3_server) == []


DYNAMIC = """
import json
from spark_session import get_spark_session, s3_home
seen = {}
for name, conf in (("plain", {}), ("dynamic", {"spark.sql.sources.partitionOverwriteMode": "dynamic"})):
    seen[name] = []
    with get_spark_session(conf=conf) as spark:
        path = s3_home(name)
        frame = spark.range(400).selectExpr("id", "id % 4 as k")
        frame.write.mode("append").partitionBy("k").parquet(path)
        for options in ({}, {"fs.s3a.committer.name": "file"}):
            writer = frame.where("k = 1").selectExpr("-id as id", "k").write.mode("overwrite").partitionBy("k")
            try:
                writer.options(partitionOverwriteMode="dynamic", **options).parquet(path)
                outcome = "written"
            except Exception as error:
                outcome = "does not support dynamicPartitionOverwrite" in str(error)
            read = spark.read.parquet(path)
            rows = read.count(), read.where("id < 0").count(), read.where("k = 1 and id > 0").count()
            seen[name].append([outcome, *rows])
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def replaced(
    laptop: dict[str, str], s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[list[Any]]]:
    """What came of replacing a single partition, in a session as it is and in one whose setting says that it will."""
    folder = tmp_path_factory.mktemp("replaced")
    result = run_script(DYNAMIC, {**laptop, "HOME": str(folder)}, folder)
    assert result.returncode == 0, result.stderr
    assert unfinished(s3_server) == []
    seen: dict[str, list[list[Any]]] = json.loads(result.stdout)
    return seen


@pytest.mark.long
def test_a_single_partition_is_replaced_by_renaming_or_not_at_all(replaced: dict[str, list[list[Any]]]) -> None:
    """The committer that never renames refuses before anything is changed."""
    assert replaced["plain"] == [[True, 400, 0, 100], ["written", 400, 100, 0]]


@pytest.mark.long
def test_a_session_that_replaces_single_partitions_renames(replaced: dict[str, list[list[Any]]]) -> None:
    assert replaced["dynamic"] == [["written", 400, 100, 0]] * 2
