"""The command `spark-session`: submit, rerun, ls, history, show, logs, cancel, pause, resume, run-now, profiles, build."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from spark_session.batch.cron_job import DEFAULT_OVERLAP, OVERLAPS
from spark_session.batch.follow import CannotWriteError
from spark_session.batch.job_executors import HEADINGS as EXECUTOR_HEADINGS
from spark_session.batch.job_executors import JobExecutors
from spark_session.batch.jobs import Job, JobOptions, answers, submit, workspace_jobs
from spark_session.batch.manifest import SCRIPT_NOTE
from spark_session.batch.notebook import parse_parameter
from spark_session.batch.outcome import Outcome, State, outcome
from spark_session.batch.past import HEADINGS as HISTORY_HEADINGS
from spark_session.batch.past import KEPT_DAYS
from spark_session.batch.recall import SHOWN, history
from spark_session.batch.repeat import rerun
from spark_session.batch.request import DEFAULT_TIMEOUT
from spark_session.batch.schedule_details import HEADINGS, schedule_row, told
from spark_session.batch.scheduling import Schedule, runs_of, schedule
from spark_session.batch.timetable import DEFAULT_TIME_ZONE
from spark_session.batch.travel import parse_variable
from spark_session.build import command as build
from spark_session.defaults import CHOICES
from spark_session.errors import SparkSessionError
from spark_session.kube import Object
from spark_session.session import profiles

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

--retries runs a script again, after 10 seconds, 20, 40 and so on,
  that went with its pod: evicted, drained, preempted, its node lost
  that ended with 75: it could not be fetched, got no executors from a full cluster, lost them with their nodes, or says so
and not one that ended with another code, used more memory than it had (137), or reached its time limit (124). An image that
cannot be fetched is tried again by Kubernetes, until the time limit.
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
        return _run(options, given[cut + 1 :])
    except SparkSessionError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()


def _run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    if options.command == "submit":
        return _submit(options, arguments)
    if options.command in _BY_THEMSELVES:
        return _BY_THEMSELVES[options.command](options)
    if options.command in _LISTS:
        _LISTS[options.command](options)
        return 0
    if options.command in _OF_SCHEDULES:
        return _OF_SCHEDULES[options.command](Schedule(options.name, workspace_jobs()), options)
    if options.command == "logs" and options.executor is not None:
        _executor_logs(options)
        return 0
    found = _named(options.name)
    if options.command == "show":
        _print_table(found.details())
    elif options.command == "logs":
        found.logs()
    else:
        found.cancel()
        print(f"{found.name} is cancelled.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spark-session", description="Jobs: scripts that run by themselves in your workspace."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser(
        "submit",
        help="start a script, a notebook or a jar as a job",
        description="Start a Python script, a notebook or an application of the JVM as a job, now or at times of the clock. Arguments of a script or "
        "jar come after --, parameters of a notebook after -p.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    start.add_argument("script", help="path of a .py, .ipynb or .jar file, on the disk or as JupyterLab shows it")
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
        "--class",
        dest="main_class",
        help="class of a jar whose main is run, such as com.example.Main (the one that its manifest names)",
    )
    start.add_argument(
        "--packages",
        "--jars",
        action="append",
        default=[],
        metavar="LIST",
        help="what a jar has beside it, with commas between: jars and Maven coordinates; may be repeated",
    )
    start.add_argument(
        "--profile", help="kind of nodes for executors of a session whose call names none (see profiles)"
    )
    start.add_argument("--driver-profile", help="kind of nodes for the script's own pod")
    start.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="environment variable of the script, or NAME alone for the value that it has here; nothing secret; may be repeated",
    )
    start.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH",
        help="file that the script finds in the folder in which it runs; may be repeated",
    )
    start.add_argument(
        "--notify", choices=CHOICES, help="of which ends you get a message (your administrator's choice)"
    )
    start.add_argument(
        "--schedule",
        metavar="CRON",
        help='run it again and again: minute, hour, day of the month, month and day of the week, such as "0 3 * * *", or @daily',
    )
    start.add_argument("--time-zone", help=f"of --schedule, such as Europe/Vienna ({DEFAULT_TIME_ZONE})")
    start.add_argument(
        "--overlap",
        choices=OVERLAPS,
        help=f"with --schedule, of a run whose time comes while the one before it goes on: let it wait for an hour at most, start it beside, or end the one before ({DEFAULT_OVERLAP})",
    )
    _add_wait(start)
    repeat = commands.add_parser(
        "rerun", help="run a job again as it was: same copy of the code, arguments, settings and image"
    )
    repeat.add_argument("name", help="name of the job, as ls or history shows it")
    repeat.add_argument("--overlap", action="store_true", help="also while it still runs (no)")
    _add_wait(repeat)
    commands.add_parser("ls", help="list jobs and schedules")
    ended = commands.add_parser("history", help=f"list jobs that have ended, of the last {KEPT_DAYS} days")
    ended.add_argument("--last", type=int, default=SHOWN, help="how many (%(default)s)")
    build.add_parser(commands)
    commands.add_parser("profiles", help="list the kinds of nodes that --profile and --driver-profile name")
    what = "how a job stands, and what it runs: code, image, git commit; of a schedule also when it runs"
    for name, text in (
        ("show", what),
        ("logs", "show what a job has printed, or the last run of a schedule"),
        ("cancel", "end a job, and remove it; or a schedule with its runs"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("name", help="name of the job or schedule, as ls shows it")
        if name == "logs":
            command.add_argument(
                "--executor",
                nargs="?",
                const="",
                metavar="NUMBER",
                help="the last 1000 lines of an executor, also of one that is gone; without a number: which there are",
            )
    for name, text in (
        ("pause", "start no runs of a schedule until it is resumed"),
        ("resume", "start runs of a schedule again"),
        ("run-now", "run a schedule once more, now"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("name", help="name of the schedule, as ls shows it")
        if name == "run-now":
            _add_wait(command)
    return parser


def _add_wait(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="show what it prints, and end as it ends (yes)",
    )


def _named(name: str) -> Job | Schedule:
    """What is called so: a job, or else a schedule."""
    apis = workspace_jobs()
    with answers():
        if apis.job(name) is None and apis.schedule(name) is not None:
            return Schedule(name, apis)
    return Job(name, apis)


def _submit(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    what: JobOptions = {
        "parameters": dict(map(parse_parameter, options.parameter)), "executors": options.executors, "name": options.name, "timeout": options.timeout,
        "retries": options.retries, "driver_cores": options.driver_cores, "driver_memory": options.driver_memory,
        "main_class": options.main_class, "packages": [each for words in options.packages for each in words.split(",")],
        "profile": options.profile, "driver_profile": options.driver_profile,
        "notify": options.notify, "files": options.file,
        "env": dict(parse_variable(text, os.environ) for text in options.env),
    }  # fmt: skip
    if options.schedule is None:
        if options.time_zone is not None or options.overlap is not None:
            raise SparkSessionError(
                "There is no schedule to which --time-zone or --overlap could belong.",
                "They are for jobs that run again and again.",
                'Say when: --schedule "0 3 * * *".',
            )
        return _follow(submit(options.script, arguments, **what), options.wait)
    made = schedule(
        options.script, options.schedule, arguments, time_zone=options.time_zone or DEFAULT_TIME_ZONE, overlap=options.overlap or DEFAULT_OVERLAP, **what
    )  # fmt: skip
    if not options.wait:
        print(made.name)
        return 0
    print(f"{made.name} is scheduled, also while your notebook does not run.")
    _print_next_runs(made)
    return 0


def _pause(found: Schedule, _: argparse.Namespace) -> int:
    found.pause()
    print(f"{found.name} is paused. `spark-session resume {found.name}` lets it go on.")
    return 0


def _resume(found: Schedule, _: argparse.Namespace) -> int:
    found.resume()
    print(f"{found.name} goes on.")
    _print_next_runs(found)
    return 0


def _run_now(found: Schedule, options: argparse.Namespace) -> int:
    return _follow(found.run_now(), options.wait)


def _rerun(options: argparse.Namespace) -> int:
    return _follow(rerun(options.name, overlap=options.overlap), options.wait)


_BY_THEMSELVES = {"build": build.run, "rerun": _rerun}
_OF_SCHEDULES = {"pause": _pause, "resume": _resume, "run-now": _run_now}


def _print_next_runs(found: Schedule) -> None:
    print("It runs next on")
    for moment in found.next_runs():
        print(f"  {told(moment)}")


def _follow(job: Job, wait: bool) -> int:
    if not wait:
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


def _ls(_: argparse.Namespace) -> None:
    apis, now = workspace_jobs(), datetime.now(UTC)
    with answers():
        found, scheduled = apis.list(), apis.schedules()
    _print_table([("NAME", "STATE", "EXIT CODE", "AGE", "SCRIPT"), *(row(job, pod, now) for job, pod in found)])
    if scheduled:
        print()
        rows = (schedule_row(each, runs_of(each["metadata"]["name"], found), now) for each in scheduled)
        _print_table([HEADINGS, *rows])


def _executor_logs(options: argparse.Namespace) -> None:
    executors = JobExecutors.of(options.name)
    if options.executor:
        print(executors.log(options.executor), end="")
    else:
        _print_table([EXECUTOR_HEADINGS, *(each.row for each in executors.list())])


def _history(options: argparse.Namespace) -> None:
    _print_table([HISTORY_HEADINGS, *(job.row() for job in history(options.last))])


def _profiles(_: argparse.Namespace) -> None:
    print(profiles())


_LISTS = {"ls": _ls, "history": _history, "profiles": _profiles}


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
