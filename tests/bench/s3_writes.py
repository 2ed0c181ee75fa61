"""What Spark takes to write 200 small files and 1 GiB to S3, beside Hadoop's default committer, with 20 ms of latency per request."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dev.lab import jars
from dev.paths import REPOSITORY
from dev.s3_server import S3Server
from dev.toolchain import ensure_programs
from tests.bench.report import Row, row
from tests.support.s3_proxy import S3Proxy

RUNS = int(os.environ.get("BENCH_RUNS", "5"))
LATENCY = 0.02  # seconds
BUCKET = "bench"
# What PySpark does with hadoop-aws alone.
STOCK = {
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.sql.execution.datasources.SQLHadoopMapReduceCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.parquet.hadoop.ParquetOutputCommitter",
    "spark.hadoop.fs.s3a.committer.name": "file",
}
WORK = {"200 small files": (20_000, 200), "1 GiB in 16 files": (2**27, 16)}
SESSION = """
import json, sys, time
from spark_session import get_spark_session, s3_home
conf, work = map(json.loads, sys.argv[1:])
spark = get_spark_session(conf=conf | {"spark.sql.parquet.compression.codec": "uncompressed"})
spark.range(10).write.parquet(s3_home("warm"))
print("ready", flush=True)
for rows, files in work:
    sys.stdin.readline()
    begin = time.monotonic()
    # Random numbers, 8 bytes each, that no encoding makes smaller.
    frame = spark.range(0, rows, 1, files).selectExpr("rand(7) as number")
    frame.write.option("parquet.enable.dictionary", "false").parquet(s3_home(str(files)))
    print(time.monotonic() - begin, flush=True)
"""


def measure() -> list[Row]:
    """Each run is a new session on a new server, ours and stock in turn; wall time and requests to S3 of each piece of work."""
    ensure_programs("java")
    found: dict[str, dict[str, list[tuple[float, int]]]] = {"ours": {}, "stock": {}}
    for _ in range(RUNS):
        for who, conf in (("ours", {}), ("stock", STOCK)):
            for name, figures in run(conf).items():
                found[who].setdefault(name, []).append(figures)
    rows = []
    for name in WORK:
        ours, stock = found["ours"][name], found["stock"][name]
        goal = "<= 0.5x"
        rows.append(row(f"write {name}", "s", [time for time, _ in ours], [time for time, _ in stock], goal))
        rows.append(row(f"write {name}, requests", "", [n for _, n in ours], [n for _, n in stock]))
    return rows


def run(conf: Mapping[str, str]) -> dict[str, tuple[float, int]]:
    """Seconds and requests of each piece of work in one session."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, S3Server(Path(folder)) as server:
        server.create_bucket(BUCKET)
        with S3Proxy(server.endpoint) as proxy:
            proxy.delay = LATENCY
            variables = {
                **os.environ,
                **server.environment(),
                "AWS_ENDPOINT_URL_S3": proxy.endpoint,
                "PYTHONPATH": str(REPOSITORY / "spark_session" / "src"),
                "SPARK_NOTEBOOKS_S3_HOME": f"s3://{BUCKET}/home",
                "SPARK_SESSION_JARS": str(jars()),
            }
            command = [sys.executable, "-c", SESSION, json.dumps(conf), json.dumps(list(WORK.values()))]
            with subprocess.Popen(
                command,
                env=variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as session:
                assert session.stdin is not None
                assert session.stdout is not None
                if session.stdout.readline() != "ready\n":
                    raise RuntimeError("The session did not start.")
                figures = {}
                for name in WORK:
                    proxy.requests.clear()
                    session.stdin.write("go\n")
                    session.stdin.flush()
                    figures[name] = float(session.stdout.readline()), len(proxy.requests)
                session.stdin.close()
            return figures
