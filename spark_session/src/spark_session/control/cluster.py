"""The executors of a running session, in the hands of the person who started it."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spark_session import executor_logs
from spark_session.control.arguments import bounds, number
from spark_session.control.demand import Bounds, History, decide, here_over
from spark_session.control.ended import Ended
from spark_session.control.scheduler import Scheduler
from spark_session.control.table import Executors, merge
from spark_session.control.view import show_live, to_html, to_text
from spark_session.errors import SparkSessionError, SparkSessionWarning, show
from spark_session.executor_pods import ExecutorPods, executor_of
from spark_session.head_start import LONGEST_SECONDS, first_executors
from spark_session.plan import Plan
from spark_session.settings import text_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

IDLE_SECONDS = 60.0
LOOK_SECONDS = 1.0
COLLECT_EVERY = 10
"""Looks between two questions to Kubernetes for executors that have ended."""

LOG_LINES = 100


class Cluster:
    """The executors of one session: how many there are, what they do, what they said.

    Shows itself in a notebook as a table with a control for the number of executors; as text elsewhere.
    """

    def __init__(
        self,
        spark: SparkSession,
        plan: Plan,
        forget: Callable[[], None],
        expect: Callable[[int], None],
    ) -> None:
        self._spark = spark
        self._plan = plan
        self._forget = forget
        self._expect = expect
        self._scheduler = Scheduler(spark)
        self._process: Any = getattr(spark.sparkContext._gateway, "proc", None)
        self._target = plan.context.executors
        self._bounds: Bounds | None = None
        self._history = History(self._target)
        self._leaving: set[str] = set()
        self._is_head_start = first_executors(plan.context) < self._target
        self._head_start_ends = time.monotonic() + LONGEST_SECONDS
        self._lock = threading.RLock()
        self._released = threading.Event()
        place = plan.context.environment.workspace
        self._pods = None if place is None else ExecutorPods(place.api())
        self._ended = None if self._pods is None else Ended(self._pods, plan.context.session_id)
        if self._pods is not None:
            if plan.context.bounds is not None and not plan.context.dynamic_allocation:
                self._adapt(bounds(*plan.context.bounds, IDLE_SECONDS, plan.context))
            threading.Thread(target=self._look_after, name="spark-session-cluster", daemon=True).start()

    @property
    def ui_url(self) -> str | None:
        """Address of the Spark UI; None where it is off.

        In a notebook of the platform it is one that the browser reaches, behind the login: a path, where the hub does not know the public
        address. Elsewhere it is on this machine.
        """
        url = self._spark.sparkContext.uiWebUrl
        if url is None:
            return None
        server = self._plan.context.environment.server_url
        if server is not None:
            return f"{server.rstrip('/')}/spark-ui/{self._plan.context.session_id}/"
        return f"http://127.0.0.1:{url.rpartition(':')[2]}"

    @property
    def target(self) -> int:
        """Executors that are asked for now."""
        return self._target

    def wait_for_end(self, seconds: float) -> bool:
        """Wait until the session has ended, so long at most; whether it has."""
        return self._released.wait(seconds)

    def scale(self, executors: int) -> None:
        """Have so many executors from now on, and no `adapt` any more.

        More come as they would at the start. When there are too many, those with the least to do finish their tasks, hand on
        what they hold and go.

        Raises:
            SparkSessionError: not a number of executors, more than the administrator allows, or no session that has executors.
        """
        self._refuse_unless_ours()
        most = number("executors", executors, self._plan.context)
        with self._lock:
            self._refuse_stopped()
            self._bounds = None
            self._target = most
            self._is_head_start = False
            self._scheduler.request(most)
            self._expect(most)
            load = self._scheduler.load()
            staying = [work for work in load.executors if work.id not in self._leaving]
            self._send_away(here_over(staying, most))

    def adapt(self, min: int, max: int, idle_seconds: float = IDLE_SECONDS) -> None:  # noqa: A002 (the words people know)
        """Have as many executors as there is work for.

        More when tasks have waited for a second: as many as the waiting tasks need. An executor goes when it had no task for a while, as with `scale`.

        Args:
            min: executors that stay when there is nothing to do; may be 0.
            max: executors at most.
            idle_seconds: time without a task after which an executor goes.

        Raises:
            SparkSessionError: as `scale`, or min is more than max.
        """
        self._refuse_unless_ours()
        self._adapt(bounds(min, max, idle_seconds, self._plan.context))

    def executors(self) -> Executors:
        """Every executor that the session has, waits for or has had."""
        self._refuse_stopped()
        pods = [] if self._pods is None else self._pods.list(self._plan.context.session_id)
        prefix = f"{self._plan.context.slug}-{self._plan.context.session_id}"
        return merge(self._scheduler.registered(), pods, self._leaving, prefix)

    def logs(self, executor: str | int, lines: int = LOG_LINES) -> str:
        """The last lines of an executor's log, also of one that is gone.

        Args:
            executor: its number, or the name of its pod.
            lines: as many as are wanted; of an executor that is gone, 1000 are kept.

        Raises:
            SparkSessionError: nothing is known of such an executor.
        """
        if self._pods is None or self._ended is None:
            raise _local("logs")
        number = str(executor).rpartition("-exec-")[2]
        with suppress(OSError):
            for pod in self._pods.list(self._plan.context.session_id):
                if executor_of(pod) == number:
                    return self._pods.log(pod["metadata"]["name"], lines)
        kept = self._ended.log(number)
        if kept is None:
            raise SparkSessionError(
                f"There is no log of executor {show(executor)}.",
                "It never began, or it went together with its node or by somebody else's hand, or you may not read logs.",
                "executors() shows which there are; spark.sparkContext.uiWebUrl has the tasks that failed with it.",
            )
        return "\n".join(kept.splitlines()[-lines:])

    def kill(self, executor: str | int) -> None:
        """End an executor at once. Its tasks run again elsewhere, and another executor comes in its place.

        Raises:
            SparkSessionError: no such executor runs.
        """
        self._refuse_unless_ours()
        number = str(executor).rpartition("-exec-")[2]
        if number not in {one.id for one in self._scheduler.registered() if one.active}:
            raise SparkSessionError(
                f"There is no executor {show(executor)} to kill.",
                "None of that number runs.",
                "executors() shows which do.",
            )
        if self._pods is not None and self._ended is not None:
            with suppress(OSError):
                own = self._pods.list(self._plan.context.session_id)
                self._ended.keep(pod for pod in own if executor_of(pod) == number)
        self._scheduler.remove([number], gently=False)

    def shutdown(self) -> None:
        """End the session and its executors, as `spark.stop()` does."""
        if not self._scheduler.is_stopped:
            self._spark.stop()
        self.release()

    def release(self, keep_logs: bool = False) -> None:
        """Delete the pods of a session that has ended; what nobody can delete now, the Jupyter server does later.

        Who calls while another thread is at it waits until that is done: a process that ends takes its threads with it.
        """
        with self._lock:
            if self._released.is_set():
                return
            self._released.set()
            self._forget()
            if self._ended is not None:
                self._clear_away(self._ended, keep_logs or executor_logs.is_wanted(os.environ))

    def _clear_away(self, ended: Ended, keep_logs: bool) -> None:
        try:
            ended.clear_away(keep_logs=keep_logs)
        except OSError as error:
            warnings.warn(
                f"The executors of this session could not be deleted ({error}). Those that run end by themselves within minutes; all go "
                "with this notebook's server.",
                SparkSessionWarning,
                stacklevel=3,
            )

    def __repr__(self) -> str:
        return to_text(self._headline(), self._current())

    def _repr_html_(self) -> str:
        return to_html(self._headline(), self._current())

    def _ipython_display_(self) -> None:
        show_live(self)

    def _current(self) -> Executors:
        """Those that are not gone; none where the session has ended."""
        if self._scheduler.is_stopped:
            return Executors()
        with suppress(OSError):
            return Executors(executor for executor in self.executors() if not executor.is_gone)
        return Executors()

    def _headline(self) -> str:
        name = self._plan.context.name
        if self._scheduler.is_stopped:
            return f"Spark session {name}: stopped"
        if self._pods is None:
            return f"Spark session {name}: on this machine, without executors"
        bounds = self._bounds
        return f"Spark session {name}: {self._target} executors asked for" + (
            "" if bounds is None else f", between {bounds.least} and {bounds.most} by what there is to do"
        )

    def _adapt(self, bounds: Bounds) -> None:
        with self._lock:
            self._bounds = bounds
            self._history = History(self._target)

    def _look_after(self) -> None:
        """Until the session has ended: decide how many executors it should have, and clear away those that have ended."""
        look = 0
        while not self._released.wait(LOOK_SECONDS):
            look += 1
            if self._scheduler.is_stopped or (self._process is not None and self._process.poll() is not None):
                self.release(keep_logs=True)
                return
            # The JVM, or the Kubernetes API, may be gone by now or not answer for a while: the next look tells.
            with suppress(Exception):
                self._end_head_start()
                self._decide()
            if look % COLLECT_EVERY == 0 and self._ended is not None:
                with suppress(Exception):
                    self._ended.collect()
                    if sum(one.active for one in self._scheduler.registered()) < self._target:
                        self._ended.give_up()

    def _end_head_start(self) -> None:
        with self._lock:
            if self._is_head_start and (time.monotonic() >= self._head_start_ends or self._scheduler.registered()):
                self._scheduler.request(self._target)
                self._is_head_start = False

    def _decide(self) -> None:
        with self._lock:
            if self._bounds is None or self._released.is_set():
                return
            load = self._scheduler.load()
            staying = tuple(work for work in load.executors if work.id not in self._leaving)
            decision = decide(replace(load, executors=staying), self._bounds, self._history)
            if decision.target != self._target:
                self._scheduler.request(decision.target)
                self._expect(decision.target)
            # Before any goes: whoever sees them leaving sees the number that they leave for.
            self._target, self._history = decision.target, decision.history
            self._send_away(decision.remove)

    def _send_away(self, executors: tuple[str, ...]) -> None:
        self._leaving |= set(executors)
        gently = text_of(self._plan.settings, "spark.decommission.enabled") == "true"
        self._scheduler.remove(executors, gently=gently)

    def _refuse_unless_ours(self) -> None:
        self._refuse_stopped()
        if self._pods is None:
            raise _local("executors of its own")
        if self._plan.context.dynamic_allocation:
            raise SparkSessionError(
                "This session's executors are in Spark's own hands.",
                "It was started with spark.dynamicAllocation.enabled, and Spark takes no numbers from anybody else then.",
                "Start a session without that setting, and with min_executors= and max_executors=.",
            )

    def _refuse_stopped(self) -> None:
        if self._scheduler.is_stopped or self._released.is_set():
            raise SparkSessionError(
                "This session has ended.",
                "It was stopped, or its Java process is gone.",
                "Call get_spark_session() for another one.",
            )


def _local(what: str) -> SparkSessionError:
    return SparkSessionError(
        f"This session has no {what}.",
        "It runs on this machine, in one process.",
        "In a notebook of the platform each executor is a pod of its own.",
    )
