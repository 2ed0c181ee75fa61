"""What the main process of a job writes down for its person's history: that it began, what Spark calls its sessions, and how it ended.

Kubernetes forgets a job a day after its end. None of this is ever in a job's way: what cannot be written is left out, and nobody waits long for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from spark_session.batch.apis import Apis
from spark_session.batch.archive import Archive
from spark_session.batch.outcome import LONGEST_WORDS
from spark_session.batch.past import PastJob, ended_with, past
from spark_session.environment import HOME_VARIABLE, JOB_VARIABLE, MEMBER_VARIABLE
from spark_session.kube import Object, url_in_pod

PATIENCE = 10.0
"""Seconds; of the 30 that Kubernetes gives a pod for its end."""

BEGIN_AFTER = 2.0
"""Seconds: until then a script needs the machine for its own start, and one that has ended by then needs no word of its beginning."""

LAST_WORDS = Path("/dev/termination-log")
"""Where Kubernetes reads what a container has to say of its end."""


@dataclass
class Findings:
    """What comes of a job while it runs, for those who look back. Who changes it calls `tell`.

    Args:
        applications: what Spark calls its sessions.
        executed: "s3://..." address of the executed notebook; empty where there is none.
        tell: has it written down.
    """

    applications: tuple[str, ...] = ()
    executed: str = ""
    tell: Callable[[], None] = lambda: None


def remembered(
    variables: Mapping[str, str],
    run: Callable[[], int],
    last_words: Path = LAST_WORDS,
    findings: Findings | None = None,
) -> int:
    """Run a job, and write down that it began, what came of it, and how it ended.

    Args:
        variables: environment variables of the pod.
        run: runs it; returns its exit code.
        last_words: where it says of its end what there is to say.
        findings: what `run` finds.
    """
    memory = _Memory(variables, findings or Findings())
    memory.findings.tell = memory.note
    over = threading.Event()
    beginning = _beside(lambda: None if over.wait(BEGIN_AFTER) else memory.begin())
    try:
        code = run()
    finally:
        over.set()
    beginning.join(PATIENCE)
    _beside(lambda: memory.end(code, _words(last_words))).join(PATIENCE)
    return code


class _Memory:
    def __init__(self, variables: Mapping[str, str], findings: Findings) -> None:
        self._variables = variables
        self._job: Object | None = None
        self._before: tuple[str, ...] = ()
        self.findings = findings

    def note(self) -> None:
        """Write down what is known while it runs: where its pod goes without a word, that is what there is. A failure is nobody's matter."""
        with suppress(Exception):
            self._note()

    def _note(self) -> None:
        apis = self._apis()
        self._job = apis.job(self._name)
        if self._job is not None:
            self._write(past(self._job, apis.pods.get("pods", self._variables["POD_NAME"])))

    def _write(self, found: PastJob) -> None:
        applications = self._before + self.findings.applications
        self._archive.write(replace(found, applications=applications, executed=self.findings.executed))

    def begin(self) -> None:
        with suppress(Exception):  # that it began is worth more
            self._before = self._of_tries_before()
        self._note()
        # Here, while the script runs: at its end somebody may wait.
        self._archive.forget(datetime.now(UTC))

    def _of_tries_before(self) -> tuple[str, ...]:
        """Sessions of this job in pods that were lost; only a job that may be run again has such."""
        job = self._apis().job(self._name)
        before = self._archive.find(self._name) if job is not None and job["spec"].get("backoffLimit") else None
        return () if before is None else before.applications

    def end(self, code: int, words: str) -> None:
        apis, now = self._apis(), datetime.now(UTC)
        pod = apis.pods.get("pods", self._variables["POD_NAME"])
        found = ended_with(apis.job(self._name), self._job, pod, code=code, words=words, now=now)
        if found is not None:
            self._write(found)

    @property
    def _name(self) -> str:
        return self._variables[JOB_VARIABLE]

    @property
    def _archive(self) -> Archive:
        return Archive(self._variables.get(HOME_VARIABLE) or None, self._variables.get(MEMBER_VARIABLE, ""))

    def _apis(self) -> Apis:
        return Apis(url_in_pod(self._variables), self._variables["POD_NAMESPACE"])


def _beside(work: Callable[[], None]) -> threading.Thread:
    """A thread that does something which may fail, or take long: nobody hears of it."""

    def do() -> None:
        with suppress(Exception):
            work()

    thread = threading.Thread(target=do, name="job-history", daemon=True)
    thread.start()
    return thread


def _words(where: Path) -> str:
    with suppress(OSError):
        return where.read_text(encoding="utf-8", errors="replace")[:LONGEST_WORDS]
    return ""
