"""Runs inside a notebook pod: `python in_pod.py ours|stock N`. Times one Spark session of N executors and prints the figures as JSON.

`stock` is what the documentation of Spark on Kubernetes leads to: client mode, pod template for the restricted Pod Security Standard, defaults otherwise.
"""

import json
import os
import sys
import time
from pathlib import Path

CORES, MEMORY, CPU_REQUEST = 1, "512m", "50m"

TEMPLATE = """
apiVersion: v1
kind: Pod
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: executor
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


def stock(executors):
    from pyspark.sql import SparkSession

    template = Path("/tmp/stock-template.yaml")
    template.write_text(TEMPLATE)
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
    from spark_session import get_spark_session

    return get_spark_session(executors=executors, cores=CORES, memory=MEMORY)


def main(way, executors):
    started = time.monotonic()
    spark = {"ours": ours, "stock": stock}[way](executors)
    session = time.monotonic() - started
    total = spark.range(1000).selectExpr("sum(id)").first()[0]
    assert total == 499500, total
    first_result = time.monotonic() - started
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    while len(tracker.getExecutorInfos()) - 1 < executors:  # the driver is one of them
        time.sleep(0.1)
    registered = time.monotonic() - started
    # Python workers on every executor, so that the CPU figure holds a finished Python task of each.
    hosts = set(spark.sparkContext.parallelize(range(executors * 4), executors * 4).map(work).collect())
    spark.stop()
    print(json.dumps({"session": session, "first_result": first_result, "registered": registered, "hosts": len(hosts)}))


def work(_):
    import socket
    import time

    time.sleep(0.05)
    return socket.gethostname()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
