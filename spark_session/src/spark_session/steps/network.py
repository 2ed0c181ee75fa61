"""How driver, executors and the Kubernetes API find each other."""

from __future__ import annotations

from spark_session.context import Context, default, detected
from spark_session.settings import Settings

LOOPBACK = "127.0.0.1"


def network(context: Context) -> Settings:
    """Client mode: this process is the driver, and executors reach it at the pod's own address.

    Ports are left to Spark, which takes free ones, so that several kernels of a pod each have a session.
    """
    workspace = context.environment.workspace
    if workspace is None:
        return {
            "spark.master": detected("local[*]"),
            "spark.driver.host": default(LOOPBACK),
            "spark.driver.bindAddress": default(LOOPBACK),
        }
    return {
        "spark.master": detected(f"k8s://{workspace.api_url}"),
        "spark.submit.deployMode": default("client"),
        "spark.driver.host": detected(workspace.pod_ip),
        # Spark 4.3 gives executors the bind address as the driver's address (executor.useDriverPodIP), so 0.0.0.0 cannot work.
        "spark.driver.bindAddress": detected(workspace.pod_ip),
        "spark.ui.port": default("0"),
    }
