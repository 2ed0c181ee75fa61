"""The warm-up of a JVM that waits for its session: what every session begins with, done once before, so that the session finds it loaded and compiled.

In a JVM that has done nothing yet, a session takes five seconds until it can be used and a first query two more, nearly all of it classes that are loaded,
set up and run for the first time: Spark's context, its SQL functions, the planning and compiling of a query, the client of the Kubernetes API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from spark_session.launch import Launch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_READ_ONCE = re.compile(r"spark\.local\.dir|spark\.sql\.codegen\.cache\.maxEntries|spark\.sql\..+\.maxThreadThreshold")

# The context that is made here works by itself, can be reached from this machine alone, and leaves nothing behind.
_LOCAL = {
    "spark.master": "local[1]",
    "spark.app.name": "warm-up",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.defaultUrlStreamHandlerFactory.enabled": "false",
}


def read_once(settings: Mapping[str, str]) -> dict[str, str]:
    """Those of the settings that a JVM reads at its first query and keeps to, in later sessions too."""
    return {key: value for key, value in settings.items() if _READ_ONCE.fullmatch(key)}


def rehearse(launch: Launch, is_wanted: Callable[[], bool]) -> None:
    """Let a JVM that waits make a context, run a query and ask the Kubernetes API for the pod that this is; nothing of it is kept but what is loaded.

    Args:
        launch: the JVM.
        is_wanted: whether its session has come. The step that runs is finished then, which the session
            would have had to do itself, and no other is begun.

    Raises:
        Exception: it could not be done. Nobody knows what state the JVM is in.
    """
    from py4j.clientserver import ClientServer, JavaParameters, PythonParameters

    port, secret = launch.address()
    # A connection of its own: the one that PySpark makes, it shares with everything in this process.
    gateway = ClientServer(
        java_parameters=JavaParameters(port=port, auth_token=secret, auto_convert=True),
        python_parameters=PythonParameters(port=0, eager_load=False),
    )
    try:
        _take_steps(gateway, launch, is_wanted)
    finally:
        gateway.close()


def plan_a_query(spark: SparkSession) -> None:
    """Let the JVM of a session plan and compile a query, and run nothing of it.

    For a script whose first executors have a head start: it waits for them, and when they are there all others start, beside
    which the planning of its own first query would take much longer.
    """
    session = spark._jsparkSession.newSession()
    # A plan that adapts is compiled as it runs, stage by stage.
    session.conf().set("spark.sql.adaptive.enabled", "false")
    _small_query(spark.sparkContext._gateway, session).queryExecution().toRdd()


def _take_steps(gateway: Any, launch: Launch, is_wanted: Callable[[], bool]) -> None:
    _query(gateway, launch, is_wanted)
    if not is_wanted():
        _ask_for_pod(gateway.jvm, launch.settings)
    if not is_wanted():
        gateway.jvm.java.lang.System.gc()  # what is left over would be carried along until there is no more room


def _query(gateway: Any, launch: Launch, is_wanted: Callable[[], bool]) -> None:
    if is_wanted():
        return
    jvm = gateway.jvm
    # Without the settings of the session to come, which this JVM has as properties.
    conf = jvm.org.apache.spark.SparkConf(False)
    for key, value in {**read_once(launch.settings), **_LOCAL}.items():
        conf.set(key, value)
    context = jvm.org.apache.spark.api.java.JavaSparkContext(conf)
    try:
        if is_wanted():
            return
        session = jvm.org.apache.spark.sql.classic.SparkSession(context.sc(), {})
        if is_wanted():
            return
        _small_query(gateway, session).collectAsList()
    finally:
        context.stop()


def _small_query(gateway: Any, session: Any) -> Any:
    columns = gateway.new_array(gateway.jvm.java.lang.String, 1)
    columns[0] = "sum(id)"
    return session.range(1000).selectExpr(columns)


def _ask_for_pod(jvm: Any, settings: Mapping[str, str]) -> None:
    # As KubernetesClusterManager of Spark 4.3 does in client mode.
    kubernetes, option = jvm.org.apache.spark.deploy.k8s, jvm.scala.Option
    kinds = getattr(getattr(kubernetes, "SparkKubernetesClientFactory$ClientType$"), "MODULE$")
    client = kubernetes.SparkKubernetesClientFactory.createKubernetesClient(
        settings["spark.master"].removeprefix("k8s://"),
        option.apply(settings["spark.kubernetes.namespace"]),
        "spark.kubernetes.authenticate",
        kinds.Driver(),
        jvm.org.apache.spark.SparkConf(),
        option.empty(),
    )
    try:
        pods = client.pods().inNamespace(settings["spark.kubernetes.namespace"])
        pods.withName(settings["spark.kubernetes.driver.pod.name"]).get()
    finally:
        client.close()
