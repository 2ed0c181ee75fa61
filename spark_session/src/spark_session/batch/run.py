"""The main process of a job: runs the script, ends with its exit code, and clears away what the script left behind.

    python -m spark_session.batch.run URL SHA256 [ARGUMENT ...]

The script is a process of its own, so that its executors are cleared away whatever ends it. Once this process is gone the container ends, and with it
whatever else runs there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from spark_session import records
from spark_session.another_try import TRY_AGAIN
from spark_session.batch.code import Code, fetch, known_copy
from spark_session.batch.outcome import LONGEST_WORDS
from spark_session.batch.reap import reap
from spark_session.batch.remember import LAST_WORDS, Findings, remembered
from spark_session.batch.session_logs import collected
from spark_session.batch.travel import FILES_VARIABLE, as_written
from spark_session.environment import HOME_VARIABLE
from spark_session.errors import SparkSessionError
from spark_session.executor_pods import ExecutorPods
from spark_session.kube import Api, url_in_pod
from spark_session.processes import lives

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: Sequence[str]) -> int:
    """Run a job; returns the exit code, as a shell would tell it."""
    findings = Findings()
    return remembered(os.environ, lambda: _main(arguments, findings), findings=findings)


def _main(arguments: Sequence[str], findings: Findings) -> int:
    url, digest, *rest = arguments
    try:
        script = fetched(url, digest)
        take_along(os.environ)
    except SparkSessionError as error:
        print(error, file=sys.stderr)
        return TRY_AGAIN
    with cleared_away(findings):
        return run([sys.executable, str(script), *rest])


def fetched(url: str, digest: str) -> Path:
    """The copy on this pod's disk, in a folder of its own.

    Raises:
        SparkSessionError: S3 does not give it, or it is not what it was.
    """
    content = fetch(Code(url, digest))
    path = Path(tempfile.mkdtemp(prefix="job-")) / url.rpartition("/")[2]
    path.write_bytes(content)
    return path


def take_along(variables: Mapping[str, str]) -> None:
    """Put the files that the job takes along into the folder that it runs in.

    Raises:
        SparkSessionError: S3 does not give one, or it is not what it was.
    """
    for digest, name in as_written(variables.get(FILES_VARIABLE, "")):
        Path(name).write_bytes(fetch(known_copy(variables.get(HOME_VARIABLE, ""), name, digest)))


@contextmanager
def cleared_away(findings: Findings) -> Iterator[None]:
    """Clears away what was started within: drivers and executors; what Spark did is kept."""
    with collected(os.environ, findings):
        try:
            yield
        finally:
            end_drivers(records.folder(os.environ))
            clear_away(os.environ)


def run(
    command: Sequence[str], variables: Mapping[str, str] = MappingProxyType({}), patience: float | None = None
) -> int:
    """Run a command, hand on what signals come, and return its exit code: 128 and the signal's number where one ended it.

    Args:
        command: a program and its arguments.
        variables: environment variables on top of this process's own.
        patience: seconds that it has for its end once a signal has come, before it is killed; None for as long as it takes.
    """
    process = subprocess.Popen(command, env={**os.environ, **variables})
    timers: list[threading.Timer] = []

    def hand_on(number: int, _: object) -> None:
        process.send_signal(number)
        if patience is not None and not timers:
            timers.append(threading.Timer(patience, process.kill))
            timers[0].start()

    kept = {number: signal.signal(number, hand_on) for number in _SIGNALS}
    try:
        code = process.wait()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        for timer in timers:
            timer.cancel()
    return 128 - code if code < 0 else code


def leave_words(words: str, where: Path = LAST_WORDS) -> None:
    """Say why a job ended as it did, in words that stay with it."""
    with suppress(OSError):
        where.write_text(words[:LONGEST_WORDS], encoding="utf-8")


def end_drivers(folder: Path) -> None:
    """Kill the drivers' JVMs of sessions that were not stopped: one that lives would ask for executors again and again."""
    for record in records.read(folder):
        if record.jvm is not None and lives(record.jvm, record.jvm_started):
            with suppress(ProcessLookupError):
                os.kill(record.jvm, signal.SIGKILL)
        records.remove(folder, record.session_id)


def clear_away(variables: Mapping[str, str]) -> None:
    """Delete the executors of this pod. What an API server that is away leaves behind goes with the job."""
    try:
        reap(ExecutorPods(Api(url_in_pod(variables), variables["POD_NAMESPACE"])), variables["POD_UID"])
    except OSError as error:
        print(f"The job's executors cannot be cleared away now ({error}); they go with the job.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
