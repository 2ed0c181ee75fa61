"""Why an executor ended: from its exit code, the last lines of its log, and what became of its pod. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from spark_session.pods import Ended, Executor
from spark_session.reasons import LOST, Facts, Kind, Reason, lost
from spark_session.shape import Shape
from spark_session.sizes import format_memory

LOG_LINES = 12
KILLED = 137
JAVA_OUT_OF_MEMORY = 52
TERMINATED = 143
_CANNOT_START = (126, 127, 128)


def gone(one: Executor, facts: Facts) -> Reason | None:
    """Why an executor that was there is not any more; None where it ended in good order."""
    word, sentence = one.reason
    if word in LOST or one.phase == "Unknown":
        return lost(one.node, word, sentence)
    if one.ended is None or one.ended.code == 0:
        return None
    if one.leaving and one.ended.reason != "OOMKilled":
        return None  # somebody let it go, and its exit code is that of the signal
    return crashed(one.ended, facts)


def crashed(ended: Ended, facts: Facts) -> Reason:
    """Its container failed."""
    size, log = facts.size, last_lines(ended.message)
    if ended.reason == "OOMKilled":
        return memory_limit(size)
    if ended.code == JAVA_OUT_OF_MEMORY or "java.lang.OutOfMemoryError" in ended.message:
        return java_memory(size)
    for pattern, kind, what, why, fix in _IN_LOG:
        if re.search(pattern, ended.message):
            return Reason(kind, what, why.format(driver=facts.driver), fix, log)
    if ended.code == KILLED:
        return replace(
            memory_limit(size),
            what="An executor was killed.",
            why=f"A signal ended it (exit code {KILLED}), most often because its node or its container ran out of memory. {_has(size)}",
        )
    if ended.reason in {"StartError", "ContainerCannotRun"} or ended.code in _CANNOT_START:
        return Reason(
            Kind.CRASH,
            "The program of an executor cannot be started.",
            f"Its container ended with exit code {ended.code}: the image is not one for executors.",
            "Tell your administrator, who names the image.",
            log,
        )
    signal = " because something asked it to" if ended.code == TERMINATED else ""
    return Reason(
        Kind.CRASH,
        "An executor crashed.",
        f"Its container ended{signal} with exit code {ended.code}.",
        "The last lines of its log say more. Settings of your call (conf=) are a common cause.",
        log,
    )


def _has(size: Shape) -> str:
    rest = size.memory_mib - size.heap_mib
    return f"It had {format_memory(size.memory_mib)}: {format_memory(size.heap_mib)} of Java heap and {format_memory(rest)} for Python and the rest."


def memory_limit(size: Shape) -> Reason:
    """The kernel ended it at its memory limit."""
    overhead = format_memory(2 * (size.memory_mib - size.heap_mib))
    return Reason(
        Kind.MEMORY,
        "An executor was killed for using more memory than it had.",
        _has(size),
        f'Spark starts another. Give Python more with conf={{"spark.executor.memoryOverhead": "{overhead}"}}, everything more with memory=, '
        "or let each task hold less: more partitions, fewer cores=.",
    )


def java_memory(size: Shape) -> Reason:
    """The Java heap was full."""
    return Reason(
        Kind.MEMORY,
        "An executor ended because its Java heap was full.",
        f"The heap is {format_memory(size.heap_mib)}.",
        f'Spark starts another. Ask for more with memory="{format_memory(2 * size.heap_mib)}", or let each task hold less: '
        "more partitions (spark.sql.shuffle.partitions), fewer cores=.",
    )


_UNREACHABLE = (
    r"Failed to connect to /?[\w.:-]+|Connecting to /?\S+ (?:failed|timed out)|NoRouteToHostException|ConnectTimeoutException"
    r"|UnknownHostException|Connection refused|Cannot receive any reply from|RpcTimeoutException"
)
_IN_LOG = (
    (
        r"UnsupportedClassVersionError|InvalidClassException|incompatible: stream classdesc serialVersionUID",
        Kind.MISMATCH,
        "The image of the executors does not fit this notebook.",
        "Its Java or Spark is of another version than the notebook's.",
        "Restart your server, so that both have the same image; if that does not help, tell your administrator.",
    ),
    (
        r"(?i)SaslException|authentication failed|Unknown challenge|unable to verify|A secret key must be specified",
        Kind.NETWORK,
        "Executors are not let in by your session.",
        "The proof that they belong together failed: driver and executors don't have the same secret.",
        "Call spark.stop() and get_spark_session again; if that does not help, tell your administrator.",
    ),
    (
        _UNREACHABLE,
        Kind.NETWORK,
        "Executors cannot reach your notebook.",
        "They gave up connecting to the driver at {driver}. Most often a network policy stands between them.",
        "Tell your administrator: executors must reach the notebook at any port.",
    ),
    (
        r"Unrecognized VM option|Could not create the Java Virtual Machine|Invalid (?:maximum|initial) heap size|Error: Could not find or load main class",
        Kind.CRASH,
        "The Java of an executor does not start.",
        "It does not accept one of its options.",
        "Look at spark.executor.extraJavaOptions and the other settings in your conf=.",
    ),
    (
        r"No space left on device",
        Kind.CRASH,
        "An executor's disk is full.",
        "Shuffled and cached data did not fit on its node's disk.",
        "Use more executors or less data at a time; your administrator can give executors more disk.",
    ),
)  # fmt: skip


def last_lines(log: str, lines: int = LOG_LINES, width: int = 180) -> str:
    """The lines of a log that say something: its end, without the frames of stack traces."""
    useful = [
        line.rstrip() for line in log.splitlines() if line.strip() and not re.match(r"\s*(at |\.\.\. \d+ more)", line)
    ]
    return "\n".join(line if len(line) <= width else line[: width - 1] + "…" for line in useful[-lines:])


MOST_FAILURES = 11
_SIGNAL = 128
_DRIVER_ENDS = {
    MOST_FAILURES: (
        "so many executors failed or were refused that Spark gave up",
        "Look at why executors don't come (above) before you call get_spark_session() again.",
    ),
    3: ("its heap was full", 'Give it more memory: get_spark_session(conf={"spark.driver.memory": "4g"}).'),
    52: ("its heap was full", 'Give it more memory: get_spark_session(conf={"spark.driver.memory": "4g"}).'),
    124: ("it reached the time limit of spark.driver.timeout", "Call get_spark_session() for another session."),
    130: ("something interrupted it", "Call get_spark_session() for another session."),
    134: ("it crashed, and left a file hs_err_pid*.log in its working folder", "If it happens again, show that file to your administrator."),
    137: (
        "something killed it, most often your instance's memory limit",
        "Collect less into the notebook (collect, toPandas), close other notebooks, or start your server with more memory.",
    ),
    139: ("it crashed, and left a file hs_err_pid*.log in its working folder", "If it happens again, show that file to your administrator."),
    143: ("something asked it to end", "Call get_spark_session() for another session."),
}  # fmt: skip


def driver_ended(code: int) -> Reason:
    """The Java process of the notebook is gone.

    Args:
        code: its exit code, as `subprocess` tells it: negative for a signal.
    """
    shell_code = _SIGNAL - code if code < 0 else code
    why, fix = _DRIVER_ENDS.get(
        shell_code, ("the lines above may say why", "Call get_spark_session() for another session.")
    )
    return Reason(
        Kind.DRIVER,
        "The Spark session is gone.",
        f"Its Java process ended (exit code {shell_code}): {why}.",
        fix,
        final=True,
    )
