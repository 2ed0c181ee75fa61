"""The thin layer that starts and keeps the one session of this process."""

from __future__ import annotations

import atexit
import os
import shutil
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spark_session import (
    cell_progress,
    driver,
    head_start,
    process_jvm,
    records,
    recovery,
    rehearsal,
    stop_requests,
    watch,
)
from spark_session.another_try import exit_for_another_try
from spark_session.context import Context
from spark_session.control import Cluster
from spark_session.defaults import load_defaults
from spark_session.display import is_interactive
from spark_session.errors import SparkSessionError, SparkSessionWarning
from spark_session.packages import along
from spark_session.placement import Profiles
from spark_session.plan import Plan, build
from spark_session.processes import start_time
from spark_session.request import Request
from spark_session.settings import text_of, texts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class _Running:
    spark: SparkSession
    plan: Plan
    cluster: Cluster
    watcher: watch.Watcher | None
    progress: cell_progress.CellProgress | None


_lock = threading.RLock()
_running: _Running | None = None


def get_spark_session(
    executors: int | None = None,
    cores: float | str | None = None,
    memory: str | None = None,
    name: str | None = None,
    conf: Mapping[str, str | int | float | bool] | None = None,
    *,
    min_executors: int | None = None,
    max_executors: int | None = None,
    packages: str | Sequence[str] | None = None,
    py_files: str | Sequence[str] | None = None,
    environment: str | None = None,
    profile: str | None = None,
) -> SparkSession:
    """Get the Spark session of this notebook or script, started if there is none.

    In a workspace each executor is a pod of its own; elsewhere Spark runs on this machine and the sizes have no effect.
    The session ends with `spark.stop()`, at the end of a `with` block, and with the kernel.

    Args:
        executors: number of executors; 2 unless your administrator chose otherwise.
        cores: cores of each executor, such as 2, 0.5 or "500m": as many tasks run in it at once, at least one.
        memory: Java heap of each executor, such as "4g"; room for Python comes on top.
        name: what the session is called in lists and in the Spark UI; the notebook's name by default.
        conf: any other Spark settings.
        min_executors: executors that stay when there is nothing to do, 1 if nothing is said. With this or max_executors the number of
            executors follows the work.
        max_executors: the most executors; your administrator's limit if nothing is said.
        packages: what the session has beside what is in the image, in the notebook and on executors: Python packages as for `pip install`
            ("polars==1.*", wheels on this machine, S3 or the web), jars and Maven coordinates ("group:artifact:version").
        py_files: code of your own to import, in the notebook and on executors: .py, .zip, .egg and .whl files, folders, s3:// addresses,
            repositories ("git+https://host/repository@revision#subdirectory=src"). What is not absolute is beside your notebook.
        environment: a .tar.gz file that venv-pack or conda-pack made, whose packages come after those of the image.
        profile: the kind of nodes that executors run on, such as "spot"; `spark_session.profiles()` lists what your administrator offers.

    Returns:
        The session. A second call gets the same one, with a warning when it asks for something else.

    Raises:
        SparkSessionError: the arguments, the environment or the administrator's limits don't allow it, or a package cannot be had.
    """
    global _running  # noqa: PLW0603 (a process has one SparkContext)
    request = Request.parse(
        executors, cores, memory, name, conf, min_executors=min_executors, max_executors=max_executors,
        packages=packages, py_files=py_files, environment=environment, profile=profile,
    )  # fmt: skip
    with _lock:
        if (running := _alive()) is not None:
            _tell_differences(running.plan, request)
            return running.spark
        _discard()
        _refuse_foreign_session()
        plan = build(Context.of_new_session(request))
        watcher = watch.prepare(plan)
        records.write(records.folder(os.environ), _starting(plan))
        try:
            spark, plan = _start(plan)
        except BaseException:
            _remove_scratch(plan)
            records.remove(records.folder(os.environ), plan.context.session_id)
            raise
        record = _started(spark, plan)
        records.write(records.folder(os.environ), record)
        forget = partial(_forget, plan.context.session_id)
        control = Cluster(spark, plan, forget, partial(_expect, record, watcher))
        _running = _Running(spark, plan, control, watcher, _show_progress(spark, plan))
        _listen(plan.context.session_id)
        _follow(_running)
        return spark


def cluster(spark: SparkSession | None = None) -> Cluster:
    """The executors of a session, to look at and to change while it runs.

    Args:
        spark: what get_spark_session returned; the session that runs if nothing is said.

    Raises:
        SparkSessionError: no such session runs.
    """
    with _lock:
        running = _alive()
        if running is None or (spark is not None and spark.sparkContext is not running.spark.sparkContext):
            raise SparkSessionError(
                "There is no cluster to look at.",
                "No session runs here." if running is None else "That session was not started by get_spark_session.",
                "spark = get_spark_session() starts one.",
            )
        return running.cluster


def explain() -> Plan:
    """Show where the session runs and every setting with where it came from; of a default session when none runs."""
    with _lock:
        running = _alive()
        return running.plan if running is not None else build(Context.of_new_session(Request()))


def profiles() -> Profiles:
    """The kinds of nodes that you may name: `get_spark_session(profile=)`, `spark-session submit --profile, --driver-profile`."""
    defaults = load_defaults(os.environ)
    return Profiles(defaults.offered, defaults.executor_memory_overhead_factor)


def prepare() -> None:
    """Start the JVM of a session that will most likely be asked for, and warm it up, where the administrator has it so."""
    plan = build(Context.of_new_session(Request()))
    if plan.context.environment.workspace is not None and plan.context.defaults.warm_jvm:
        process_jvm.start_ahead(texts(plan.settings), {**os.environ, **plan.variables}, records.folder(os.environ))
        import pyspark.sql  # noqa: F401 (the session's call finds it loaded)

        process_jvm.warm_up()


def _alive() -> _Running | None:
    if _running is None:
        return None
    context = _running.spark.sparkContext
    if context._jsc is None or _jvm_ended():
        return None
    return None if context._jsc.sc().isStopped() else _running


def _jvm_ended() -> bool:
    """Whether the JVM of this process ended by itself; it is then forgotten, and the next session starts another one."""
    code = driver.exit_code()
    if code is None:
        return False
    if _running is not None and _running.spark.sparkContext._jsc is not None:
        warnings.warn(recovery.what_was_lost(code), SparkSessionWarning, stacklevel=4)
    recovery.forget_jvm()
    return True


def _refuse_foreign_session() -> None:
    if getattr(driver.loaded_context(), "_active_spark_context", None) is not None:
        raise SparkSessionError(
            "A Spark session is running that get_spark_session did not start.",
            "A process can have only one.",
            "Stop it with its stop() method, or restart the kernel.",
        )


def _tell_differences(plan: Plan, asked: Request) -> None:
    had = plan.context.request
    if asked.py_files == had.py_files and (changed := along.changed(plan)):
        warnings.warn(
            f"{', '.join(changed)} changed since the session started. It goes on with the code as it was then, here and on executors. "
            "For the new code call spark.stop() first, and import it again.",
            SparkSessionWarning,
            stacklevel=3,
        )
    if asked != Request() and (names := had.differences(asked)):
        warnings.warn(
            f"The session that is already running is used as it is, though this call differs in {', '.join(names)}. "
            "For a new one call spark.stop() first.",
            SparkSessionWarning,
            stacklevel=3,
        )


def _start(plan: Plan) -> tuple[SparkSession, Plan]:
    os.environ.update(plan.variables)
    _jvm_ended()
    _write_files(plan)
    try:
        process_jvm.start(texts(plan.settings))
        from pyspark.sql import SparkSession

        plan = along.take_along(plan)
        first = (
            {"spark.executor.instances": str(head_start.first_executors(plan.context))}
            if plan.context.environment.workspace
            else {}
        )
        spark: SparkSession = SparkSession.builder.config(map=texts(plan.settings) | first).getOrCreate()
    except Exception as error:
        if (explained := _explained(error)) is None:
            raise
        raise explained from error
    return spark, plan


def _explained(error: Exception) -> SparkSessionError | None:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkRuntimeError

    if isinstance(error, PySparkRuntimeError) and error.getCondition() == "JAVA_GATEWAY_EXITED":
        return SparkSessionError(
            "Spark did not start.",
            "Its Java process ended at once; the lines above this message say why.",
            "Spark needs Java 17 or later: install one, or point JAVA_HOME at it.",
        )
    if isinstance(error, Py4JJavaError):
        return SparkSessionError(
            "Spark did not start.",
            str(error.java_exception.getMessage()).strip(),
            "spark_session.explain() shows the settings it was started with.",
        )
    return None


def _write_files(plan: Plan) -> None:
    if not plan.files:
        return
    plan.context.scratch.mkdir(mode=0o700)
    for path, text in plan.files.items():
        path.write_text(text)


def _starting(plan: Plan) -> records.Record:
    workspace = plan.context.environment.workspace
    return records.Record(
        session_id=plan.context.session_id,
        name=plan.context.name,
        application_id="",
        process=os.getpid(),
        jvm=None,
        ui_port=None,
        started=time.time(),
        namespace=None if workspace is None else workspace.namespace,
        process_started=start_time(os.getpid()),
        asked=None if workspace is None else plan.context.executors,
    )


def _show_progress(spark: SparkSession, plan: Plan) -> cell_progress.CellProgress | None:
    wanted = text_of(plan.settings, cell_progress.SETTING) == "true"
    return cell_progress.attach(spark.sparkContext) if wanted else None


def _listen(session_id: str) -> None:
    """End the session when its owner asks for that from outside this process."""

    def stop() -> None:
        with _lock:
            if _running is not None and _running.plan.context.session_id == session_id:
                _stop()

    stop_requests.listen(records.folder(os.environ), session_id, stop)


def _expect(record: records.Record, watcher: watch.Watcher | None, executors: int) -> None:
    """The session asks for another number of executors now."""
    records.write(records.folder(os.environ), replace(record, asked=executors))
    if watcher is not None:
        watcher.expect(executors)


def _forget(session_id: str) -> None:
    records.remove(records.folder(os.environ), session_id)
    stop_requests.close(records.folder(os.environ), session_id)


def _started(spark: SparkSession, plan: Plan) -> records.Record:
    from pyspark import SparkContext

    context, jvm = spark.sparkContext, SparkContext._gateway.proc.pid
    url = context.uiWebUrl
    return replace(
        _starting(plan),
        application_id=context.applicationId,
        jvm=jvm,
        ui_port=None if url is None else urlsplit(url).port,
        jvm_started=start_time(jvm),
    )


def _follow(running: _Running) -> None:
    """In a notebook the cell goes on telling; a script that nobody watches has nothing to do without an executor."""
    watcher = running.watcher
    if watcher is None:
        driver.log_refusals()
        return
    try:
        watcher.begin(running.spark)
        exit_for_another_try(os.environ, watcher.ends)
        if not is_interactive():
            if head_start.is_given(running.plan.context):
                rehearsal.plan_a_query(running.spark)
            watcher.wait_for_first(running.plan.context.defaults.first_executor_timeout)
    except BaseException:
        _stop()
        raise


def _remove_scratch(plan: Plan) -> None:
    if plan.files:
        shutil.rmtree(plan.context.scratch, ignore_errors=True)


def _discard() -> None:
    global _running  # noqa: PLW0603 (a process has one SparkContext)
    if _running is not None:
        if _running.watcher is not None:
            _running.watcher.end()
        _running.cluster.release()
        _remove_scratch(_running.plan)
        if _running.progress is not None:
            _running.progress.close()
        _running = None


@atexit.register
def _stop() -> None:
    """End the session with its process: the executors go now rather than when the pod goes."""
    with _lock:
        if _running is not None:
            if _running.watcher is not None:
                _running.watcher.end()
            # The JVM may be gone already, by a crash or by the signal that ends this process.
            with suppress(Exception):
                _running.spark.stop()
            _discard()
