"""The command `spark-session`: submit, ls, show, logs, cancel."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from spark_session.batch.follow import CannotWriteError
from spark_session.batch.jobs import Job, answers, submit, workspace_jobs
from spark_session.batch.manifest import SCRIPT_NOTE
from spark_session.batch.notebook import parse_parameter
from spark_session.batch.outcome import Outcome, State, outcome
from spark_session.batch.request import DEFAULT_TIMEOUT
from spark_session.errors import SparkSessionError
from spark_session.kube import Object

REFUSED = 2
"""Exit code where nothing was started."""

INTERRUPTED = 130
NOBODY_READS = 141

EXIT_CODES = """\
exit code of `submit --wait`: the script's own (128 and the number of the signal where one ended it), and besides
  2    nothing was started: an argument, a file, a rule of the platform
  75   the script was not run, or its pod was lost: submit it again, or use --retries
  124  the time limit was reached
  130  Ctrl-C; the job goes on, or was stopped, as you chose

--retries runs a script again that went with its pod (evicted, drained, its node lost), that could not be fetched, or that
ended with 75; not one that failed by itself, used more memory than it had, or reached its time limit.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # All that comes after the first -- is the script's.
    cut = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:cut])
    if cut < len(given) and options.command != "submit":
        _parser().error("only submit takes arguments of a script, after --")
    try:
        if options.command == "submit":
            return _submit(options, given[cut + 1 :])
        if options.command == "ls":
            return _ls()
        job = Job(options.name, workspace_jobs())
        if options.command == "show":
            _print_table(job.details())
        elif options.command == "logs":
            job.logs()
        else:
            job.cancel()
            print(f"{job.name} is cancelled.")
    except SparkSessionError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spark-session", description="Jobs: scripts that run by themselves in your workspace."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser(
        "submit",
        help="start a script or a notebook as a job",
        description="Start a Python script or a notebook as a job. Arguments of a script come after --, parameters of a notebook after -p.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    start.add_argument("script", help="path of a .py or .ipynb file, on the disk or as JupyterLab shows it")
    start.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="parameter of a notebook; may be repeated",
    )
    start.add_argument("--executors", type=int, help="executors of a session whose call names no number")
    start.add_argument("--name", help="what the job is called (the script's name)")
    start.add_argument(
        "--timeout", default=DEFAULT_TIMEOUT, help="when it is ended: a number and s, m, h or d (%(default)s)"
    )
    start.add_argument(
        "--retries", type=int, default=0, help="how often it is run again if its pod is lost (%(default)s)"
    )
    start.add_argument("--driver-cores", help="CPU of the script's own pod (the notebook's)")
    start.add_argument("--driver-memory", help="memory of the script's own pod, such as 4g (the notebook's)")
    start.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="show what it prints, and end as it ends (yes)",
    )
    commands.add_parser("ls", help="list jobs")
    what = "how a job stands, and what it runs: code, image, git commit"
    for name, text in (("show", what), ("logs", "show what a job has printed"), ("cancel", "end a job, and remove it")):
        commands.add_parser(name, help=text).add_argument("name", help="name of the job, as ls shows it")
    return parser


def _submit(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    job = submit(
        options.script, arguments, parameters=dict(map(parse_parameter, options.parameter)), executors=options.executors, name=options.name, timeout=options.timeout,
        retries=options.retries, driver_cores=options.driver_cores, driver_memory=options.driver_memory,
    )  # fmt: skip
    if not options.wait:
        print(job.name)
        return 0
    print(f"Job {job.name} is submitted. Ctrl-C asks what is to become of it.", file=sys.stderr)
    try:
        found = job.wait()
    except KeyboardInterrupt:
        return _interrupted(job)
    except CannotWriteError:
        _goes_on(job)
        return _nobody_reads()
    print(last_line(job.name, found), file=sys.stderr)
    return found.code or 0


def _nobody_reads() -> int:
    """As a shell tells a program that wrote into a closed pipe."""
    sys.stdout = None  # Python would fail once more at its end
    return NOBODY_READS


def _interrupted(job: Job) -> int:
    try:
        answer = input(f"\nStop the job {job.name}? [y/N] ") if sys.stdin.isatty() else ""
    except (EOFError, KeyboardInterrupt):
        answer = ""
    if answer.strip().lower() in ("y", "yes"):
        job.cancel()
        print(f"{job.name} is stopped.", file=sys.stderr)
    else:
        _goes_on(job)
    return INTERRUPTED


def _goes_on(job: Job) -> None:
    print(
        f"{job.name} goes on. `spark-session logs {job.name}` shows what it prints, `spark-session cancel {job.name}` stops it.",
        file=sys.stderr,
    )


def last_line(name: str, found: Outcome) -> str:
    """How a job ended, in a line."""
    if found.state is State.SUCCEEDED:
        return f"Job {name} succeeded."
    end = "" if found.state is State.CANCELLED else f" with exit code {found.code}"
    verb = "ended" if found.state is State.CANCELLED else "failed"
    return f"Job {name} {verb}{end}. {found.message}".rstrip()


def _ls() -> int:
    with answers():
        found = workspace_jobs().list()
    rows = [("NAME", "STATE", "EXIT CODE", "AGE", "SCRIPT"), *(row(job, pod, datetime.now(UTC)) for job, pod in found)]
    _print_table(rows)
    return 0


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[column]) for line in rows) for column in range(len(rows[0]))]
    for line in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def row(job: Object, pod: Object | None, now: datetime) -> tuple[str, str, str, str, str]:
    """A job in the table: name, state, exit code, age, script."""
    stands = outcome(job, pod)
    metadata = job["metadata"]
    age = int((now - datetime.fromisoformat(metadata["creationTimestamp"])).total_seconds())
    code = "" if stands.code is None or stands.state is State.CANCELLED else str(stands.code)
    script = (metadata.get("annotations") or {}).get(SCRIPT_NOTE, "")
    return metadata["name"], stands.state.value, code, _age(age), script


def _age(seconds: int) -> str:
    for unit, name in ((24 * 3600, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds // unit}{name}"
    return f"{max(0, seconds)}s"


if __name__ == "__main__":
    sys.exit(main())
