"""Which Jobs have ended, how, and whether that is to be told. Pure.

All of it is read from the Job object alone, so that this service needs no right to pods: Kubernetes writes the exit code into the message of a Job that its
podFailurePolicy has failed. The codes are those that `spark-session` gives (spark_session.batch.outcome).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Object = Mapping[str, Any]

# Written by the helper (spark_session.batch.manifest, cron_job).
LABELS: Final = {"app.kubernetes.io/managed-by": "spark-notebooks", "app.kubernetes.io/component": "job"}
SCRIPT_NOTE: Final = "spark-notebooks.io/script"
SCHEDULE_NOTE: Final = "spark-notebooks.io/schedule"
NOTIFY_NOTE: Final = "spark-notebooks.io/notify"

ALWAYS, FAILURE, NEVER = "always", "failure", "never"
CHOICES: Final = (ALWAYS, FAILURE, NEVER)
SUCCEEDED, FAILED = "succeeded", "failed"

TRY_AGAIN: Final = 75
TIMED_OUT: Final = 124
_EXIT_CODE: Final = re.compile(r"failed with exit code (?P<code>\d{1,3}) matching FailJob rule", re.ASCII)
_WORDS: Final = {
    137: "Something killed it (SIGKILL), most often because it used more memory than it had: --driver-memory gives it more.",
    143: "Something asked it to end (SIGTERM).",
}
LONGEST: Final = 300
"""Characters of what others have written."""


@dataclass(frozen=True)
class Ending:
    """The end of a job.

    Args:
        uid: of the Job object.
        job: its name.
        namespace: of its workspace.
        state: SUCCEEDED or FAILED.
        code: the exit code that `spark-session submit` gives; None where nobody knows it.
        reason: a sentence; empty where there is nothing to say.
        submitted: when the Job was made.
        started: when Kubernetes began with it; None where it never did.
        ended: when Kubernetes came to its verdict.
        script: what it runs, as its person called it.
        schedule: that it is a run of; empty for none.
        choice: of its person, one of CHOICES; empty where nothing was said.
        account: the service account that it runs as: in a shared workspace each member has one, and the admission policies let nobody take another's.
    """

    uid: str
    job: str
    namespace: str
    state: str
    code: int | None
    reason: str
    submitted: datetime
    started: datetime | None
    ended: datetime
    script: str = ""
    schedule: str = ""
    choice: str = ""
    account: str = ""

    @property
    def seconds(self) -> int:
        """From its start to its end, retries and what lies between them included; 0 where it never began."""
        return 0 if self.started is None else max(0, int((self.ended - self.started).total_seconds()))


def ending(job: Object) -> Ending | None:
    """The end of a job; None for one that goes on, that was taken away before its end, and that is none of ours.

    Args:
        job: the Job object.
    """
    metadata, status = job["metadata"], job.get("status") or {}
    if not LABELS.items() <= (metadata.get("labels") or {}).items():
        return None
    conditions = {each["type"]: each for each in status.get("conditions") or [] if each.get("status") == "True"}
    # Kubernetes says FailureTarget and SuccessCriteriaMet before: then a pod may still be at its end.
    verdict = conditions.get("Complete") or conditions.get("Failed")
    if verdict is None:
        return None
    code, reason = _how(verdict, job)
    notes = metadata.get("annotations") or {}
    choice = str(notes.get(NOTIFY_NOTE) or "")
    return Ending(
        uid=str(metadata["uid"]),
        job=str(metadata["name"]),
        namespace=str(metadata["namespace"]),
        state=SUCCEEDED if code == 0 else FAILED,
        code=code,
        reason=reason,
        submitted=_time(metadata["creationTimestamp"]),
        started=_time(status["startTime"]) if status.get("startTime") else None,
        ended=_time(verdict["lastTransitionTime"]),
        script=one_line(str(notes.get(SCRIPT_NOTE) or "")),
        schedule=one_line(str(notes.get(SCHEDULE_NOTE) or "")),
        choice=choice if choice in CHOICES else "",
        account=str(job["spec"]["template"]["spec"].get("serviceAccountName") or ""),
    )


def is_wanted(end: Ending, default: str) -> bool:
    """Whether an end is to be told, by its person's choice or else by the administrator's."""
    choice = end.choice or default
    return choice == ALWAYS or (choice == FAILURE and end.state == FAILED)


def one_line(text: str) -> str:
    """A text of somebody else, without what could begin another line or colour a terminal, and not too long."""
    clean = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return clean if len(clean) <= LONGEST else f"{clean[: LONGEST - 1]}…"


def _how(verdict: Object, job: Object) -> tuple[int | None, str]:
    reason, said = verdict.get("reason"), one_line(str(verdict.get("message") or ""))
    if verdict["type"] == "Complete":
        return 0, ""
    if reason == "DeadlineExceeded":
        seconds = int(job["spec"].get("activeDeadlineSeconds") or 0)
        return TIMED_OUT, f"It took longer than its time limit of {duration(seconds)} and was ended."
    if reason == "PodFailurePolicy" and (match := _EXIT_CODE.search(said)):
        code = int(match["code"])
        return code, _WORDS.get(code, "")
    if reason == "BackoffLimitExceeded":
        # The policy counts these two ends against the retries, and no other.
        tries = int(job["spec"].get("backoffLimit") or 0) + 1
        times = "" if tries == 1 else f" at each of {tries} tries"
        return TRY_AGAIN, f"Its pod was lost, its script could not be fetched, or it ended with {TRY_AGAIN}{times}."
    return None, f"Kubernetes says: {said or reason or 'nothing'}"


def duration(seconds: int) -> str:
    """A duration in the largest unit that goes into it: "2 h", "90 s"."""
    for unit, name in ((24 * 3600, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
