"""The main process of a job that is an application of the JVM: plans its session as for a script, starts it, and ends with its exit code.

    python -m spark_session.batch.run_jar URL SHA256 ALONG CLASS [ARGUMENT ...]

ALONG is what it brings along (`jar.written`). The application is run by Spark's own SparkSubmit in client mode, in the JVM that a session of Python would have:
the settings are those of the same steps, and what the application sets itself comes on top.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

from spark_session import launch, quantities, watch
from spark_session.another_try import TRY_AGAIN
from spark_session.batch.code import known_copy
from spark_session.batch.jar import as_written, safe_name
from spark_session.batch.manifest import MEMORY_VARIABLE
from spark_session.batch.remember import LAST_WORDS, Findings, remembered
from spark_session.batch.run import cleared_away, fetched, leave_words, run, take_along
from spark_session.context import Context
from spark_session.control.ended import Ended
from spark_session.environment import HOME_VARIABLE
from spark_session.errors import SparkSessionError
from spark_session.executor_pods import ExecutorPods
from spark_session.jvm import as_options, command, environment
from spark_session.packages import maven
from spark_session.packages.items import Item, Kind
from spark_session.plan import Plan, build
from spark_session.request import LONGEST_NAME, Request
from spark_session.settings import texts

REFUSALS_VARIABLE = "SPARK_SESSION_REFUSALS"
"""The level at which the driver's log tells of executors that are not made (log4j2.properties)."""

REFUSED = 1
"""Exit code where the application was not started; as of a script whose session cannot be."""

LOOK_SECONDS = 10.0
_MEBIBYTE = 1024**2
_LEAST_ROOM = 512 * _MEBIBYTE
_SHARE_OF_ROOM = Decimal("0.1")
_OPTIONS = "spark.driver.extraJavaOptions"


def main(arguments: Sequence[str], last_words: Path = LAST_WORDS) -> int:
    """Run an application; returns the exit code, as a shell would tell it."""
    findings = Findings()
    return remembered(os.environ, lambda: _main(arguments, last_words, findings), last_words, findings)


def _main(arguments: Sequence[str], last_words: Path, findings: Findings) -> int:
    url, digest, along, main_class, *rest = arguments
    home = os.environ.get(HOME_VARIABLE, "")
    others, coordinates = as_written(along)
    try:
        application = _renamed(fetched(url, digest))
        take_along(os.environ)
        copies = [known_copy(home, name, known_by) for known_by, name in others]
        jars = [_renamed(fetched(copy.url, copy.digest)) for copy in copies]
    except SparkSessionError as error:
        print(error, file=sys.stderr)
        return TRY_AGAIN
    with cleared_away(findings):
        try:
            plan = build(Context.of_new_session(Request(name=application.stem[:LONGEST_NAME])))
            # What can never be had is refused now, and not waited for.
            watch.prepare(plan)
            settings = settings_of(plan, jars, coordinates, os.environ.get(MEMORY_VARIABLE, ""))
            with _written(plan, settings), _looked_after(plan):
                return run(*program(plan, settings, [*_application(main_class, application), *rest]))
        except SparkSessionError as error:
            print(error, file=sys.stderr)
            leave_words(str(error), last_words)
            return REFUSED


def settings_of(plan: Plan, jars: Sequence[Path], coordinates: Sequence[str], memory: str) -> dict[str, str]:
    """Spark settings of an application: those of a session, and what PySpark's side of a session does otherwise.

    Args:
        plan: of a session.
        jars: that it brings along, on this machine.
        coordinates: that it brings along.
        memory: what the pod may use, as in Kubernetes; empty where nobody knows.
    """
    settings = dict(launch.with_memory(texts(plan.settings), os.environ))
    if memory:
        settings.setdefault("spark.driver.memory", heap(memory))
    places = [*map(Path.as_uri, jars), *(_address(item) for item in plan.items if item.kind is Kind.JAR)]
    if places:
        settings["spark.jars"] = ",".join(dict.fromkeys(places))
    wanted = [*coordinates, *(item.text for item in plan.items if item.kind is Kind.MAVEN)]
    if wanted:
        settings["spark.jars.packages"] = ",".join(dict.fromkeys(wanted))
        settings.setdefault("spark.jars.ivySettings", str(_ivy_settings(plan)))
    return settings


def heap(memory: str) -> str:
    """Heap of the driver, in Spark's notation, of a pod that may use `memory`: what is beside it is the JVM's own, and this process."""
    most = quantities.parse(memory)
    room = min(max(Decimal(_LEAST_ROOM), most * _SHARE_OF_ROOM), most / 2)
    return f"{int((most - room) / _MEBIBYTE)}m"


def program(plan: Plan, settings: Mapping[str, str], words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The command line of an application, and environment variables on top of this process's own.

    Args:
        plan: of the session.
        settings: Spark settings.
        words: of spark-submit, after the settings.
    """
    variables = {**plan.variables, REFUSALS_VARIABLE: "warn"}
    ours = {**os.environ, **variables}
    installation = launch.known_installation(ours)
    if installation is None:  # an image with Spark's own configuration files
        from pyspark.find_spark_home import _find_spark_home

        return [f"{_find_spark_home()}/bin/spark-submit", *as_options(settings), *words], variables
    return command(installation, settings, words), environment(installation, settings, ours)


def _application(main_class: str, jar: Path) -> list[str]:
    return ["--class", main_class, jar.as_uri()]


def _renamed(jar: Path) -> Path:
    return jar.rename(jar.with_name(safe_name(jar.name)))


def _address(item: Item) -> str:
    """Of a jar that the administrator gives every session."""
    place = item.place or item.text
    return place if item.is_remote else Path(place).as_uri()


def _ivy_settings(plan: Plan) -> Path:
    return plan.context.scratch / "ivysettings.xml"


@contextmanager
def _written(plan: Plan, settings: Mapping[str, str]) -> Iterator[None]:
    """Within, the files are there that the session needs."""
    scratch = plan.context.scratch
    scratch.mkdir(mode=0o700)
    try:
        for path, text in plan.files.items():
            path.write_text(text)
        if settings.get("spark.jars.ivySettings") == str(_ivy_settings(plan)):
            places = maven.repositories(plan.context.defaults.maven_repositories, plan.settings)
            cache = Path(settings.get("spark.jars.ivy") or Path.home() / ".ivy2") / "cache"
            _ivy_settings(plan).write_text(maven.ivy_settings(places, cache), encoding="utf-8")
        yield
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _looked_after(plan: Plan) -> Iterator[None]:
    """Within, as beside a session of Python: executors that have ended leave their logs, and those whose node is lost are given up, so that others take
    their place."""
    workspace = plan.context.environment.workspace
    if workspace is None:
        yield
        return
    executors = Ended(ExecutorPods(workspace.api()), plan.context.session_id)
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            with suppress(OSError):
                executors.collect()
                executors.give_up()

    threading.Thread(target=look, name="job-executors", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        with suppress(OSError):
            executors.clear_away(keep_logs=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
