"""What is new in the log of a job, for those who look again and again instead of holding a connection for each job that they look at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spark_session.batch.apis import Apis
from spark_session.batch.manifest import CONTAINER
from spark_session.batch.outcome import Outcome, State, has_started, outcome, waiting_for
from spark_session.errors import first_line
from spark_session.kube import ApiError, Object

LINES = 5000
"""Lines that one look gives at most: the last ones."""

MOST_BYTES = 4_000_000

_STAMPED = re.compile(r"(?P<stamp>\d{4}-\d\d-\d\dT\S+) (?P<text>.*\n)", re.DOTALL)
_SERVERS_OWN = 500


@dataclass(frozen=True)
class Excerpt:
    """What one look at a log gives.

    Args:
        outcome: how the job stands.
        pod: name of the pod whose log it is; empty where there is none.
        text: what is new.
        since: the time of its last line; empty where there is none.
        is_cut: whether lines before these were left out.
        has_begun_again: whether it is another pod's log than the look before gave.
    """

    outcome: Outcome
    pod: str = ""
    text: str = ""
    since: str = ""
    is_cut: bool = False
    has_begun_again: bool = False


def look(apis: Apis, job: Object, pod: str = "", since: str = "") -> Excerpt:
    """What a job has printed since the look before.

    Args:
        apis: the workspace's.
        job: its Job object.
        pod: of the look before; empty for none.
        since: of the look before; empty for none.

    Raises:
        ApiError, OSError, http.client.HTTPException: as of Api.
    """
    found = apis.pod(job["metadata"]["name"])
    stands = outcome(job, found)
    if found is None or not has_started(found):
        return Excerpt(_explained(stands, found, apis, job), pod, since=since)
    name = str(found["metadata"]["name"])
    last = since if name == pod else ""
    newer = {"sinceTime": last} if last else {}
    try:
        raw = apis.logs.raw_log(
            name, container=CONTAINER, timestamps="true", tailLines=LINES, limitBytes=MOST_BYTES, **newer
        )
    except ApiError as error:
        if error.status >= _SERVERS_OWN:  # the node does not answer
            raise
        return Excerpt(stands, name, since=last)  # there is no log yet, or none any more
    text, stamp, is_cut = newer_than(raw, last)
    return Excerpt(stands, name, text, stamp or last, is_cut, has_begun_again=pod not in ("", name))


def newer_than(raw: bytes, since: str) -> tuple[str, str, bool]:
    """The text of a log with times, the time of its last line, and whether lines before these were left out.

    Args:
        raw: of the Kubernetes API, which goes by whole seconds: lines that were there before may be in it. What is no whole line is left to the next look.
        since: time of the last line that was there before; empty for none.
    """
    # Not splitlines, which takes more for the end of a line than the node does.
    lines = [f"{line}\n" for line in raw.decode(errors="replace").split("\n")[:-1]]
    # A line without a time is no line of the log: in its place the node says that it has the log no more.
    found = [match for match in map(_STAMPED.fullmatch, lines) if match]
    new = [match for match in found if match["stamp"] > since]
    is_cut = len(found) >= LINES and len(new) == len(found)
    return "".join(match["text"] for match in new), new[-1]["stamp"] if new else "", is_cut


def why_it_waits(pod: Object | None, apis: Apis, name: str) -> str:
    """Why the script of a job does not run yet; empty where nothing is wrong.

    Args:
        pod: its newest Pod object; None where there is none.
        apis: the workspace's.
        name: of the job.
    """
    if pod is not None:
        return waiting_for(pod)
    said = apis.refusal(name)
    return f"Kubernetes does not start it yet: {first_line(said, 300)}." if said else ""


def _explained(stands: Outcome, pod: Object | None, apis: Apis, job: Object) -> Outcome:
    if stands.state is not State.WAITING or stands.message:
        return stands
    return Outcome(stands.state, stands.code, why_it_waits(pod, apis, job["metadata"]["name"]))
