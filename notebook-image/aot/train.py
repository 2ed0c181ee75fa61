"""Makes the JVM's ahead-of-time caches (JEP 483, 514) of a Spark driver and of an executor: classes as they are once loaded and linked.

Usage: train.py FOLDER

Runs a real session of two executors, a driver and executors as in a workspace, against stand-ins for Kubernetes and S3, and writes
driver.aot and executor.aot to FOLDER. A cache serves a JVM of the same version with the same class path and module options; any
other starts without it.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import kubernetes_api
import s3_store
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path("/opt/spark-notebooks")
SECONDS = 600
EXECUTORS = 2
OPTIONS = ("--add-", "--enable-", "--sun-", "-D", "-XX:")


def main(folder: Path) -> None:
    """Trains, and checks that both caches were written."""
    folder.mkdir(exist_ok=True)
    driver, executor = folder / "driver.aot", folder / "executor.aot"
    with tempfile.TemporaryDirectory(prefix="training.") as temporary:
        work = Path(temporary)
        pods = kubernetes_api.Pods(HERE / "bin" / "entrypoint", work, [[f"-XX:AOTCacheOutput={executor}"]])
        key, certificate = self_signed()
        (work / "ca.pem").write_bytes(certificate)
        (work / "server.pem").write_bytes(key + certificate)
        with (
            serving(kubernetes_api.server(pods, work / "server.pem"), "https") as api,
            serving(s3_store.server(), "http") as store,
        ):
            conf = settings(api, store, work)
            jvm = launch(conf, driver, work)
            try:
                session(conf)
                jvm.stdin.close()
                jvm.wait(SECONDS)
                pods.wait(SECONDS)
            except BaseException:
                for log in sorted(work.glob("*.log")):
                    print(f"--- {log.name}", *log.read_text().splitlines()[-100:], sep="\n", file=sys.stderr)
                raise
            finally:
                for process in (jvm, *pods.processes.values()):
                    process.kill()
    if missing := [str(cache) for cache in (driver, executor) if not cache.exists()]:
        raise SystemExit(f"{', '.join(missing)} was not written")
    # The caches serve this JVM only: who starts another one sees it by this link.
    (folder / "java").symlink_to(Path(os.environ["JAVA_HOME"], "bin", "java").resolve())


@contextmanager
def serving(server: ThreadingHTTPServer, scheme: str) -> Iterator[str]:
    """Runs a server in the background; gives its URL."""
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{scheme}://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def self_signed() -> tuple[bytes, bytes]:
    """A key and a certificate for 127.0.0.1, good for a day, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "training")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, certificate.public_bytes(serialization.Encoding.PEM)


def settings(api: str, store: str, work: Path) -> dict[str, str]:
    """The Spark settings of a session, as in a workspace as far as they decide which code runs."""
    (work / "token").write_text("training")
    container = {"name": "executor", "securityContext": {"readOnlyRootFilesystem": True}}
    template = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
    (work / "executor.json").write_text(json.dumps(template))
    return {
        "spark.master": f"k8s://{api}",
        "spark.submit.deployMode": "client",
        "spark.app.name": "training",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.port": "0",
        "spark.authenticate": "true",
        "spark.executor.instances": str(EXECUTORS),
        "spark.executor.cores": "1",
        "spark.executor.memory": "512m",
        "spark.sql.shuffle.partitions": "4",
        "spark.default.parallelism": "4",
        "spark.scheduler.minRegisteredResourcesRatio": "0",
        "spark.kubernetes.namespace": "training",
        "spark.kubernetes.driver.pod.name": "driver",
        "spark.kubernetes.authenticate.caCertFile": str(work / "ca.pem"),
        "spark.kubernetes.authenticate.oauthTokenFile": str(work / "token"),
        "spark.kubernetes.container.image": "training",
        "spark.kubernetes.executor.podTemplateFile": str(work / "executor.json"),
        "spark.kubernetes.executor.disableConfigMap": "true",
        "spark.kubernetes.driver.service.deleteOnTermination": "false",
        "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
        "spark.kubernetes.driver.reusePersistentVolumeClaim": "false",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.s3a.endpoint": store,
        "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.aws.credentials.provider": "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider",
    }


def launch(conf: dict[str, str], cache: Path, work: Path) -> subprocess.Popen[bytes]:
    """Starts the driver JVM so that PySpark finds it; the cache is written when it ends."""
    from pyspark.serializers import UTF8Deserializer, read_int

    connection = work / "connection"
    credentials = work / "credentials"
    credentials.write_text("[default]\naws_access_key_id = training\naws_secret_access_key = training\n")
    variables = {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(work / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
    }
    os.environ.update(variables)
    command = [
        f"{os.environ['JAVA_HOME']}/bin/java",
        f"-XX:AOTCacheOutput={cache}",
        "-Xmx1g",
        *module_options(),
        *("-cp", (HERE / "class-path").read_text().strip()),
        "org.apache.spark.deploy.SparkSubmit",
        *(word for key, value in conf.items() for word in ("--conf", f"{key}={value}")),
        "pyspark-shell",
    ]
    with (work / "driver.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "SPARK_CONNECT_MODE": "0", "_PYSPARK_DRIVER_CONN_INFO_PATH": str(connection)},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    while not connection.exists():
        if process.poll() is not None:
            raise SystemExit((work / "driver.log").read_text())
        time.sleep(0.1)
    with connection.open("rb") as file:
        os.environ["PYSPARK_GATEWAY_PORT"] = str(read_int(file))
        os.environ["PYSPARK_GATEWAY_SECRET"] = UTF8Deserializer().loads(file)
    return process


def module_options() -> list[str]:
    """The options that Spark's own launcher gives every driver JVM; it prints the command that it would run, by words that end in NUL."""
    launcher = ["org.apache.spark.launcher.Main", "org.apache.spark.deploy.SparkSubmit", "pyspark-shell"]
    printed = subprocess.run(
        [f"{os.environ['JAVA_HOME']}/bin/java", "-cp", (HERE / "class-path").read_text().strip(), *launcher],
        env={**os.environ, "SPARK_SCALA_VERSION": "2.13", "PYSPARK_DRIVER_PYTHON": "python"},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    words = printed.split("\0")
    return [word for word in words[: words.index("org.apache.spark.deploy.SparkSubmit")] if word.startswith(OPTIONS)]


def session(conf: dict[str, str]) -> None:
    """What the first cells of a notebook do."""
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import udf

    spark = SparkSession.builder.config(map=conf).getOrCreate()
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    deadline = time.monotonic() + SECONDS
    while len(tracker.getExecutorInfos()) < EXECUTORS + 1:
        if time.monotonic() > deadline:
            raise SystemExit("the executors did not come")
        time.sleep(0.2)
    assert spark.range(1000).selectExpr("sum(id)").first()[0] == 499500
    assert spark.sparkContext.parallelize(range(8), 8).map(lambda n: n * n).sum() == 140
    frame = spark.range(1000).selectExpr("id", "id % 7 AS k", "cast(id AS string) AS s")
    folder = "s3a://training/table"
    frame.write.mode("overwrite").parquet(folder)
    table = spark.read.parquet(folder)
    assert table.groupBy("k").count().orderBy("k").count() == 7
    assert table.join(frame.limit(10), "id").toPandas().shape == (10, 5)
    table.createOrReplaceTempView("table")
    spark.sql("SELECT k, max(s), avg(id) FROM table GROUP BY k ORDER BY k").show()
    table.select(udf(lambda n: n + 1, "long")("id")).agg({"<lambda>(id)": "sum"}).collect()
    table.limit(5).write.mode("overwrite").csv("s3a://training/text", header=True)
    spark.read.csv("s3a://training/text", header=True, inferSchema=True).show()
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
