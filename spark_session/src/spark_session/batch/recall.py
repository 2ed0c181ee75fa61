"""Jobs that have ended, also those that Kubernetes has forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from spark_session.batch.archive import Archive
from spark_session.batch.jobs import answers, archive, workspace_jobs
from spark_session.batch.past import PastJob, key, parse_key, past, with_findings
from spark_session.errors import SparkSessionError, show

SHOWN = 20
MOST_SHOWN = 1000


def history(last: int = SHOWN) -> list[PastJob]:
    """Your jobs that have ended, the oldest first: for 90 days after they were submitted.

    Args:
        last: how many of them, up to 1000.

    Raises:
        SparkSessionError: there is no workspace here, or S3 or the Kubernetes API do not answer as they should.
    """
    if isinstance(last, bool) or not isinstance(last, int) or not 1 <= last <= MOST_SHOWN:
        raise SparkSessionError(
            f"last={show(last)} is not a number of jobs.",
            f"It is a whole number from 1 to {MOST_SHOWN}.",
            "For example last=50.",
        )
    apis, kept = workspace_jobs(), archive()
    with answers():
        present = {job["metadata"]["name"]: past(job, pod) for job, pod in apis.list()}
    return merged(kept, present, last)


def merged(kept: Archive, present: Mapping[str, PastJob], last: int) -> list[PastJob]:
    """The last jobs that have ended. An end that Kubernetes knows, and that nobody has written down, is written down.

    Args:
        kept: what is remembered.
        present: jobs that Kubernetes knows, by their names; those that have not ended, too.
        last: how many.
    """
    going = {name for name, job in present.items() if job.outcome is None}
    names = {key(job.submitted, job.name) for job in present.values() if job.outcome is not None}
    names |= {name for name in kept.names() if _job(name) not in going}
    wanted = sorted(names)[-last:]
    known = {job.name: job for job in kept.read(wanted)}
    found = []
    for name in map(_job, wanted):
        remembered, now = known.get(name), present.get(name)
        if now is not None and (remembered is None or remembered.outcome is None):
            remembered = with_findings(now, remembered)
            with suppress(SparkSessionError):  # to be shown is what was asked for
                kept.write(remembered)
        if remembered is not None:
            found.append(remembered)
    return found


def _job(name: str) -> str:
    parsed = parse_key(name)
    return "" if parsed is None else parsed[1]
