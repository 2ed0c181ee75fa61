"""A job as it goes on: why it waits, what it prints, how it ends."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from spark_session.batch.apis import UNANSWERED, Apis
from spark_session.batch.excerpt import why_it_waits
from spark_session.batch.manifest import CONTAINER
from spark_session.batch.outcome import GONE, Outcome, State, has_started, is_settled, outcome
from spark_session.batch.reap import reap
from spark_session.errors import first_line
from spark_session.kube import ApiError, Object

LOOK_EVERY = 0.5
"""Seconds between two looks at a job that waits."""

REFUSED_AFTER = 2.0
"""Seconds without a pod after which somebody seems to be against it."""

VERDICT_WITHIN = 15.0
"""Seconds that Kubernetes takes at most to say why a job failed whose script has ended."""

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\S+ ")
_TOO_MANY, _SERVERS_OWN = 429, 500
"""HTTP statuses."""

Write = Callable[[bytes], object]
Tell = Callable[[str], object]


class CannotWriteError(Exception):
    """Nobody takes what the script prints any more: the other end of a pipe has ended."""


@dataclass
class Follower:
    """Follows one job to its end.

    Args:
        name: of the job.
        apis: the Kubernetes API.
        write: takes what the script prints, line by line.
        tell: takes sentences about the job.
    """

    name: str
    apis: Apis
    write: Write
    tell: Tell
    _said: str = ""
    _pod: str = ""
    _written: str = ""
    _began: float = field(default_factory=time.monotonic)

    def follow(self) -> Outcome:
        """Until the job is over.

        An API server that is away is waited for: the job does not need it.

        Raises:
            ApiError: the API refuses to answer.
            CannotWriteError: `write` failed with an OSError.
        """
        while True:
            found = None
            try:
                found = self._look()
            except UNANSWERED as error:
                self._say(_away(str(error)))
            except ApiError as error:
                if not is_passing(error):
                    raise
                self._say(_away(error.message))
            if found is not None and found.state.is_over:
                return found
            time.sleep(LOOK_EVERY)

    def _look(self) -> Outcome | None:
        job = self.apis.job(self.name)
        if job is None:
            return GONE
        pod = self.apis.pod(self.name)
        if pod is None or not has_started(pod):
            found = outcome(job, pod)
            if found.state is State.WAITING:
                self._say(self._why(pod))
            return found
        self._print(pod["metadata"]["name"])
        return self._verdict()

    def _verdict(self) -> Outcome:
        """How the job stands after its log has ended: a script that failed may have been ended by its time limit."""
        deadline = time.monotonic() + VERDICT_WITHIN
        while True:
            pod = self.apis.pod(self.name)
            job = self.apis.job(self.name)
            if job is None:
                return GONE
            found = outcome(job, pod)
            if found.state is not State.FAILED or is_settled(job) or time.monotonic() > deadline:
                if pod is not None and found.state.is_over:
                    # The job's own process does that, unless it was killed. What is left after all goes with the job.
                    with suppress(OSError):
                        reap(self.apis.executors, pod["metadata"]["uid"])
                return found
            time.sleep(LOOK_EVERY / 2)

    def _print(self, pod: str) -> None:
        """Write what is new in the log of a pod, until it ends; a connection that breaks is taken up where it broke."""
        if self._pod not in ("", pod):
            self._say("It begins again, in another pod.")
            self._written = ""  # another node has another clock
        self._pod = pod
        try:
            for line in self._lines(pod):
                stamp, _, text = line.partition(b" ")
                self._written = stamp.decode()
                self._hand_on(text)
        except UNANSWERED:
            pass  # the next look finds out whether there is more
        except ApiError as error:
            if is_passing(error):  # the node does not answer
                self._say(f"The log cannot be read for now: {first_line(error.message)}.")
            # Else there is no log yet, or none any more: the job says which.

    def _hand_on(self, text: bytes) -> None:
        try:
            self.write(text)
        except OSError as error:
            # By another name, or it would pass for an API server that is away.
            raise CannotWriteError(str(error)) from error

    def _lines(self, pod: str) -> Iterator[bytes]:
        last = self._written
        since = {"sinceTime": last} if last else {}
        for line in self.apis.logs.follow_log(pod, container=CONTAINER, timestamps="true", **since):
            # The API goes by whole seconds. Two new lines may well have the same time. A line without one is no line of the log: in its place
            # the node says that it has the log no more.
            if _STAMP.match(line) and line.partition(b" ")[0].decode() > last:
                yield line

    def _why(self, pod: Object | None) -> str:
        if pod is None and time.monotonic() - self._began < REFUSED_AFTER:
            return ""
        return why_it_waits(pod, self.apis, self.name)

    def _say(self, sentence: str) -> None:
        if sentence and sentence != self._said:
            self.tell(sentence)
            self._said = sentence


def is_passing(error: ApiError) -> bool:
    """Whether an error is one of a server that is busy or starting."""
    return error.status == _TOO_MANY or error.status >= _SERVERS_OWN


def _away(said: str) -> str:
    return f"The Kubernetes API does not answer ({first_line(said)}); the job goes on, and is followed when it answers."
