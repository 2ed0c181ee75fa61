"""Watches the executors of a running session, and tells how far they are and why they don't come."""

from __future__ import annotations

import http.client
import queue
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from spark_session import driver, mismatch, quota, report
from spark_session.another_try import PASSING
from spark_session.crashes import driver_ended, gone
from spark_session.display import Display, Nowhere, choose, is_interactive
from spark_session.errors import SparkSessionError, TryAgainError
from spark_session.follow import Changed, Event, Follower, Listed, Unanswered
from spark_session.kube import Api, ApiError, Object
from spark_session.plan import Plan
from spark_session.pods import Count, Executor, count, executor
from spark_session.reasons import Facts, Kind, Reason, from_event, slow_to_start, stuck, unanswered, unexplained
from spark_session.refusals import refused
from spark_session.report import Report
from spark_session.settings import text_of
from spark_session.shape import image, manifest, shape

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_LATE_LOOKS = 5.0
LATE = 120.0
SECONDS_BETWEEN_QUESTIONS = (2.0, 5.0, 10.0, 30.0)  # to the API about what is missing; the last one for ever
SILENCE_WORTH_A_WORD = 5.0
UNMADE_WORTH_A_WORD = 14.0  # Spark asks again every 5 s, and may be told once more what was true before
MOST_PAST = 1000
HOPELESS_ROUNDS = 3  # as often as this each executor was made anew, and crashed
LOG_LINES = 200
_ANY = (ApiError, OSError, http.client.HTTPException, ValueError, KeyError)


class Watcher:
    """Watches one session from a thread of its own, which never raises and ends with the session.

    Args:
        plan: of the session.
        api: Kubernetes, used by this watcher alone.
        follower: of the session's pods.
        notebook: Pod object of the notebook.
        display: where to tell.
        note: a sentence on the size of the session.
    """

    def __init__(
        self, plan: Plan, api: Api, follower: Follower, notebook: Object, *, display: Display, note: str = ""
    ) -> None:
        self._plan, self._api, self._follower, self._display, self._note = plan, api, follower, display, note
        self._owner = str(notebook["metadata"]["uid"])
        profile = plan.context.profile
        self._facts = Facts(
            shape(plan.settings),
            image(plan.settings),
            plan.settings["spark.driver.host"].text,
            None if profile is None else profile.name,
        )
        self._asked = _asked(plan)
        self._is_dynamic = _is_dynamic(plan)
        self._executors: dict[str, Executor] = {}
        self._registered: frozenset[str] = frozenset()
        self._past: list[Reason] = []
        self._silent_since: float | None = None
        self._free_since: float | None = None
        self._hindrances: list[Reason] = []
        self._begun = time.monotonic()
        self._questions = 0
        self._next_question = 0.0
        self._newest = Report(Count(self._asked), note=note)
        self._compared = False
        self._difference: list[Reason] = []
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._spark: SparkSession | None = None

    # ---- for the session ----

    def begin(self, spark: SparkSession) -> None:
        """Begin to watch; the first report is of the cell that runs now."""
        self._spark = spark
        self._restart()
        self._show(self._newest)
        self._follower.start()
        threading.Thread(target=self._run, name="spark-session-watch", daemon=True).start()

    def expect(self, executors: int) -> None:
        """The session is to have another number of executors from now on."""
        self._asked = executors
        self._restart()

    def end(self) -> None:
        """The session has ended."""
        self._ended.set()
        self._follower.end()

    def ends(self) -> set[Kind]:
        """Why executors have gone so far, other than in good order."""
        return {trouble.reason.kind for trouble in self._newest.past}

    def wait_for_first(self, timeout: float) -> None:
        """Wait for the first executor.

        Raises:
            TryAgainError: there is none after `timeout` seconds, and there may be one another time.
            SparkSessionError: there is none after `timeout` seconds, there never will be one, or the driver is gone.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._newest.count.registered and self._newest.count.asked:
                if (hopeless := _hopeless(self._newest)) is not None:
                    raise hopeless.error()
                left = deadline - time.monotonic()
                if left <= 0 or self._ended.is_set():
                    raise _too_late(self._newest, timeout)
                self._changed.wait(min(left, 1.0))

    # ---- in the thread ----

    def _run(self) -> None:
        try:
            while self._look():
                pass
        except Exception:  # noqa: BLE001 (whatever goes wrong here must not disturb the session it watches)
            driver.log_refusals()
        finally:
            self._ended.set()
            self._follower.end()
            self._api.close()
            with self._changed:
                self._changed.notify_all()

    def _look(self) -> bool:
        """One look; whether to go on."""
        late = time.monotonic() - self._begun > LATE or self._newest.is_ready
        self._take(SECONDS_BETWEEN_LATE_LOOKS if late else SECONDS_BETWEEN_LOOKS)
        spark = self._spark
        if self._ended.is_set() or spark is None or driver.is_stopped(spark):
            # What was ready stays so: a cell that changes after its notebook was saved would leave that unsaved.
            self._show(replace(self._newest, ended=not self._newest.is_ready, troubles=()))
            return False
        if (code := driver.exit_code()) is not None:
            self._show(replace(self._newest, ended=True, troubles=report.gather([driver_ended(code)])))
            return False
        with suppress(Exception):  # the JVM is ending: the next look tells
            self._registered = driver.registered(spark)
        self._report()
        return True

    def _take(self, seconds: float) -> None:
        """Wait for news of the pods, and take in all that there is."""
        with suppress(queue.Empty):
            self._learn(self._follower.events.get(timeout=seconds))
            while True:
                self._learn(self._follower.events.get_nowait())

    def _learn(self, event: Event) -> None:
        if isinstance(event, Unanswered):
            self._silent_since = event.since
            return
        self._silent_since = None
        if isinstance(event, Listed):
            known, found = self._executors, [executor(pod) for pod in event.pods]
            self._executors = {one.pod: one for one in found}
            for one in found:
                self._mourn(one, known.get(one.pod))
        elif isinstance(event, Changed):
            one = executor(event.pod)
            before = self._executors.pop(one.pod, None)
            if not event.deleted:
                self._executors[one.pod] = one
            elif one.started is not None and one.ended is None:
                one = replace(one, phase="Unknown")  # it went without a word of its node, which is lost
            self._mourn(one, before)

    def _mourn(self, one: Executor, before: Executor | None) -> None:
        """Remember why an executor ended, once."""
        if before is not None and gone(before, self._facts) is not None:
            return
        reason = gone(one, self._facts)
        if reason is None:
            return
        if reason.log and one.ended is not None:
            with suppress(*_ANY):  # Spark deletes the pod at once; its last lines are in its status too
                full = self._api.log(one.pod, LOG_LINES)
                reason = gone(replace(one, ended=replace(one.ended, message=full)), self._facts) or reason
        self._past = [*self._past, reason][-MOST_PAST:]

    def _report(self) -> None:
        now, executors = time.time(), list(self._executors.values())
        counted = count(self._asked, executors, self._registered)
        if counted.registered and not self._compared:
            self._compared = True
            threading.Thread(target=self._compare, name="spark-session-compare", daemon=True).start()
        before = self._newest
        if counted.is_complete:
            self._hindrances = []
            if self._is_dynamic:
                self._asked = 0  # from now on Spark decides how many there are
        elif before.is_ready:
            self._restart()  # one was lost: its replacement has a time of its own
        elif time.monotonic() >= self._next_question:
            self._ask(counted, executors, now)
        reasons = [*self._hindrances, *stuck(executors, self._registered, self._facts, now)]
        if self._silent_since is not None and not counted.is_complete:
            silent = time.monotonic() - self._silent_since
            reasons += [unanswered(silent)] if silent > SILENCE_WORTH_A_WORD else []
        done = counted.is_complete and before.is_ready
        seconds = before.seconds if done else time.monotonic() - self._begun
        past = report.gather([*self._past, *self._difference])
        self._show(Report(counted, seconds, report.gather(reasons), past, note=self._note))

    def _ask(self, counted: Count, executors: list[Executor], now: float) -> None:
        """Ask the API about what is missing, less and less often."""
        pause = SECONDS_BETWEEN_QUESTIONS[min(self._questions, len(SECONDS_BETWEEN_QUESTIONS) - 1)]
        self._questions += 1
        self._next_question = time.monotonic() + pause
        asked_at = time.monotonic()
        try:
            self._hindrances = [*self._refusal(counted), *self._events(slow_to_start(executors, now))]
        except (OSError, http.client.HTTPException, ValueError):
            # A watch may take minutes to find out that its server is away.
            self._silent_since = self._silent_since or asked_at
        else:
            self._silent_since = None

    def _compare(self) -> None:
        """Look for differences between here and the executors, beside the watch, as it takes a job."""
        spark = self._spark
        with suppress(Exception):  # the session may end meanwhile
            if spark is not None and (reason := mismatch.look(spark, self._plan)) is not None:
                self._difference = [reason]

    def _refusal(self, counted: Count) -> list[Reason]:
        if counted.created >= self._asked:
            return []
        try:
            self._api.dry_run("pods", manifest(self._plan, self._owner))
        except ApiError as error:
            self._free_since = None
            return [refused(error.status, error.message, self._facts.size)]
        now = time.monotonic()
        self._free_since = self._free_since or now
        leaving = any(one.leaving and one.ended is None for one in self._executors.values())
        if self._past or leaving or now - self._free_since < UNMADE_WORTH_A_WORD:
            return []  # those that crash are made again, and those that go are waited for
        # The pod that was asked about is not the one that Spark makes, or Spark makes none: only its log tells.
        driver.log_refusals()
        return [unexplained(self._asked - counted.created)]

    def _events(self, slow: list[Executor]) -> list[Reason]:
        reasons = []
        for one in slow[:1]:
            with suppress(ApiError):
                listing = self._api.list("events", fieldSelector=f"involvedObject.name={one.pod},type=Warning")
                told = [from_event(item.get("reason", ""), item.get("message", "")) for item in listing["items"]]
                reasons += [reason for reason in told[-1:] if reason is not None] * len(slow)
        return reasons

    # ---- small things ----

    def _restart(self) -> None:
        self._begun = time.monotonic()
        self._free_since = None
        self._questions, self._next_question = 1, self._begun + SECONDS_BETWEEN_QUESTIONS[0]

    def _show(self, newest: Report) -> None:
        with self._changed:
            self._newest = newest
            self._changed.notify_all()
        with suppress(Exception):  # a closed terminal must not end the watch
            self._display.show(newest)


def prepare(plan: Plan) -> Watcher | None:
    """Check that the executors fit into the workspace, before anything is started.

    Returns:
        A watcher for the session; None where nobody wants to know, where there is no workspace, or Kubernetes does not answer.

    Raises:
        SparkSessionError: the executors can never run in the workspace.
    """
    workspace, defaults = plan.context.environment.workspace, plan.context.defaults
    if workspace is None:
        return None
    try:
        api = workspace.api()
        notebook = api.get("pods", workspace.pod_name)
        note = _fits(plan, api, notebook)
        follower = Follower(workspace.api(), plan.context.session_id)
    except (ApiError, OSError, http.client.HTTPException, ValueError):
        return None  # Spark needs the API too, and says more about why it does not answer
    display = choose(defaults.executor_progress)
    if isinstance(display, Nowhere) and is_interactive():
        return None
    return Watcher(plan, api, follower, notebook, display=display, note=note)


def _fits(plan: Plan, api: Api, notebook: Object) -> str:
    try:
        quotas, limits = api.list("resourcequotas")["items"], api.list("limitranges")["items"]
    except ApiError:
        return ""  # a workspace of an older platform does not let notebooks read them
    return quota.check(_asked(plan), shape(plan.settings), quotas, limits, notebook) or ""


def _asked(plan: Plan) -> int:
    settings = plan.settings
    if _is_dynamic(plan):
        keys = ("spark.dynamicAllocation.initialExecutors", "spark.dynamicAllocation.minExecutors")
        return max(int(settings[key].text) if key in settings else 0 for key in keys)
    return int(settings["spark.executor.instances"].text)


def _is_dynamic(plan: Plan) -> bool:
    return text_of(plan.settings, "spark.dynamicAllocation.enabled") == "true"


def _hopeless(newest: Report) -> Reason | None:
    """A reason for which there will never be an executor."""
    refused_for_good = [trouble.reason for trouble in newest.troubles if trouble.reason.final]
    if refused_for_good and not newest.count.created:
        return refused_for_good[0]
    rounds = HOPELESS_ROUNDS * newest.count.asked
    crashing = [t.reason for t in newest.past if t.executors >= rounds and t.reason.kind is not Kind.NODE]
    return crashing[0] if crashing else None


def _too_late(newest: Report, timeout: float) -> SparkSessionError:
    reasons = [trouble.reason for trouble in (*newest.troubles, *newest.past)]
    if reasons:
        error = reasons[0].error()
        passing = PASSING.issuperset(reason.kind for reason in reasons)
        kind = TryAgainError if passing else SparkSessionError
        return kind(f"No executor came within {round(timeout)} s. {error.what}", error.why, error.fix)
    return TryAgainError(
        f"No executor came within {round(timeout)} s.",
        f"Of {newest.count.asked} executors {newest.count.created} were created and {newest.count.running} run.",
        "Try again later, or show this to your administrator.",
    )
