"""Runs inside a notebook pod: `python in_pod.py ours|kernel|encrypted|stock WHAT N`. Prints the figures of one measurement as JSON, times in seconds.

WHAT is `session` (a session of N executors), `local` (a local session), `job` (a minute of queries on N executors) or `shuffle`
(rows that N executors send each other). `kernel` is ours as the first cell of a notebook, some seconds after its kernel started;
`encrypted` is ours where the administrator has traffic and spilled files encrypted.
`stock` is what the documentation of Spark on Kubernetes leads to: client mode, pod template for the restricted Pod Security Standard,
the entrypoint that comes with Spark as far as it starts executors, defaults otherwise. Both ways use the Python environment of the image.
"""

import json
import os
import sys
import time
from pathlib import Path

CORES, MEMORY, CPU_REQUEST = 1, "512m", "50m"
QUERIES, ROWS = 20, 300_000_000
SHUFFLES, SHUFFLED_ROWS = 5, 20_000_000

TYPING_SECONDS = 8
"""How long a person takes from the opening of a notebook to the run of its first cell, at least."""

SETTLING_SECONDS = 10
"""And a second for each executor: until those of the session before are gone, and the node is quiet again."""

ENTRYPOINT = """exec "$JAVA_HOME/bin/java" $(env | grep ^SPARK_JAVA_OPT_ | sort -t_ -k4 -n | cut -d= -f2-) \
-Xms$SPARK_EXECUTOR_MEMORY -Xmx$SPARK_EXECUTOR_MEMORY -cp "$SPARK_CONF_DIR:$SPARK_HOME/jars/*" \
org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend --driver-url $SPARK_DRIVER_URL \
--executor-id $SPARK_EXECUTOR_ID --cores $SPARK_EXECUTOR_CORES --app-id $SPARK_APPLICATION_ID \
--hostname $SPARK_EXECUTOR_POD_IP --resourceProfileId $SPARK_RESOURCE_PROFILE_ID --podName $SPARK_EXECUTOR_POD_NAME"""

TEMPLATE = {
    "apiVersion": "v1",
    "kind": "Pod",
    # Without these labels the platform's admission policies take it for no executor.
    "metadata": {
        "labels": {
            "app.kubernetes.io/managed-by": "spark-notebooks",
            "app.kubernetes.io/component": "executor",
            "spark-notebooks.io/session": "stock",
        }
    },
    "spec": {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "executor",
                "command": ["tini", "-s", "--", "sh", "-c", ENTRYPOINT],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}


def stock(executors):
    from pyspark.sql import SparkSession

    if executors is None:
        return SparkSession.builder.master("local[*]").appName("stock").getOrCreate()
    template = Path("/tmp/stock-template.json")
    template.write_text(json.dumps(TEMPLATE))
    environ = os.environ
    return (
        SparkSession.builder.master(
            f"k8s://https://{environ['KUBERNETES_SERVICE_HOST']}:{environ['KUBERNETES_SERVICE_PORT']}"
        )
        .appName("stock")
        .config("spark.submit.deployMode", "client")
        .config("spark.kubernetes.namespace", environ["POD_NAMESPACE"])
        .config("spark.kubernetes.container.image", environ["SPARK_NOTEBOOKS_IMAGE"])
        .config("spark.kubernetes.authenticate.executor.serviceAccountName", "executor")
        .config("spark.kubernetes.driver.pod.name", environ["POD_NAME"])
        .config("spark.driver.bindAddress", environ["POD_IP"])
        .config("spark.driver.host", environ["POD_IP"])
        .config("spark.kubernetes.driver.service.deleteOnTermination", "false")
        .config("spark.kubernetes.driver.ownPersistentVolumeClaim", "false")
        .config("spark.kubernetes.driver.reusePersistentVolumeClaim", "false")
        .config("spark.kubernetes.executor.disableConfigMap", "true")
        .config("spark.executor.instances", str(executors))
        .config("spark.executor.cores", str(CORES))
        .config("spark.executor.memory", MEMORY)
        .config("spark.kubernetes.executor.request.cores", CPU_REQUEST)
        .config("spark.kubernetes.executor.podTemplateFile", str(template))
        .getOrCreate()
    )


def ours(executors):
    if executors is None:
        # What tells a notebook pod from a laptop.
        os.environ.pop("SPARK_NOTEBOOKS_IMAGE", None)
    from spark_session import get_spark_session

    return get_spark_session(executors=executors, cores=CORES, memory=MEMORY)


def encrypted(executors):
    config = json.loads(os.environ["SPARK_SESSION_CONFIG"])
    config["SparkSessionDefaults"] |= {"network_encryption": True, "spill_encryption": True}
    os.environ["SPARK_SESSION_CONFIG"] = json.dumps(config)
    return ours(executors)


def type_first_cell():
    # What a kernel of the image loads at its start.
    from IPython.core.interactiveshell import InteractiveShell
    from spark_session.kernel import load_ipython_extension

    load_ipython_extension(InteractiveShell())
    time.sleep(TYPING_SECONDS)
    be_interactive()


def session(start, executors):
    started = time.monotonic()
    spark = start(executors)
    made = time.monotonic() - started
    total = spark.range(1000).selectExpr("sum(id)").first()[0]
    assert total == 499500, total
    figures = {"session": made, "first_result": time.monotonic() - started}
    if executors is not None:
        wait_for_executors(spark, executors)
        figures["registered"] = time.monotonic() - started
        # Python workers on every executor, several tasks each; the first one of each tells what it had used until then.
        found = sorted(spark.sparkContext.parallelize(range(executors * 4), executors * 4).map(work).collect())
        used = {}
        for host, seconds in found:
            used.setdefault(host, seconds)
        figures["executor_cpu"] = sum(used.values()) / len(used)
    time.sleep(5)
    figures["driver_memory"] = resident_memory()
    spark.stop()
    if executors is not None:
        time.sleep(executors + SETTLING_SECONDS)
        be_interactive()
        started = time.monotonic()
        spark = start(executors)
        figures["warm_session"] = time.monotonic() - started
        spark.stop()
    return figures


def be_interactive():
    # As in a notebook: our call does not wait for executors then.
    sys.ps1 = ""


def job(start, executors):
    spark = start(executors)
    wait_for_executors(spark, executors)
    started = time.monotonic()
    for number in range(QUERIES):
        spark.range(0, ROWS, 1, executors * 2).selectExpr(f"sum(xxhash64(id, {number}) % 1000)").collect()
        spark.sparkContext.parallelize(range(executors), executors).map(lambda n: sum(range(n, 1_000_000))).sum()
    seconds = time.monotonic() - started
    spark.stop()
    return {"job": seconds}


def shuffle(start, executors):
    spark = start(executors)
    wait_for_executors(spark, executors)
    for number in range(SHUFFLES + 1):
        if number == 1:  # the first one loads what the others use
            started = time.monotonic()
        rows = spark.range(0, SHUFFLED_ROWS, 1, executors * 2).repartition(executors * 2)
        assert rows.selectExpr("count(id)").first()[0] == SHUFFLED_ROWS
    seconds = time.monotonic() - started
    spark.stop()
    return {"shuffle": seconds}


def wait_for_executors(spark, executors):
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    while len(tracker.getExecutorInfos()) - 1 < executors:  # the driver is one of them
        time.sleep(0.1)


def work(_):
    import socket
    import time
    from pathlib import Path

    time.sleep(0.05)
    # A container sees its own control group only: version 1, else version 2.
    usage = Path("/sys/fs/cgroup/cpuacct/cpuacct.usage")
    if usage.exists():
        return socket.gethostname(), int(usage.read_text()) / 1e9
    return socket.gethostname(), int(Path("/sys/fs/cgroup/cpu.stat").read_text().split()[1]) / 1e6


def resident_memory():
    """Of the driver JVM, in MB; Linux counts the pages of the mapped caches, too."""
    from pyspark import SparkContext

    lines = Path(f"/proc/{SparkContext._gateway.proc.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1000


WAYS = {"ours": ours, "kernel": ours, "encrypted": encrypted, "stock": stock}


def main(way, what, executors):
    if way == "kernel":
        type_first_cell()
    start = WAYS[way]
    if what in ("job", "shuffle"):
        measured = {"job": job, "shuffle": shuffle}[what](start, executors)
    else:
        measured = session(start, None if what == "local" else executors)
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
