"""A job that is run again as it was."""

from __future__ import annotations

import re

from spark_session.batch import s3
from spark_session.batch.apis import Apis
from spark_session.batch.cron_job import SCHEDULE_NOTE
from spark_session.batch.details import digest_of_image
from spark_session.batch.here import here
from spark_session.batch.jobs import Job, answers, archive, no_job, unique
from spark_session.batch.manifest import CODE_NOTE, KEPT_SECONDS, ORIGIN_NOTE
from spark_session.batch.past import PastJob, bare, past
from spark_session.batch.request import LONGEST_SLUG
from spark_session.errors import SparkSessionError
from spark_session.kube import ApiError, Object

# By which `submit`, and Kubernetes for the runs of a schedule, make names different from each other.
_SUFFIX = re.compile(r"-(?:[0-9a-f]{6}|\d{8,10})\Z", re.ASCII)
_IMAGE_REFUSED = "run the image of their notebook"
_NOTEBOOK = "notebook"


def rerun(name: str, *, overlap: bool = False) -> Job:
    """Run a job again as it was: the same copy of its code, arguments, settings and image, under a name of its own.

    Args:
        name: of a job that Kubernetes still has, or that is in the history.
        overlap: whether to do that while the first one still runs.

    Returns:
        The new job. Its details name the job that it repeats.

    Raises:
        SparkSessionError: there is no such job, it still runs, its code or its image is not there any more, or Kubernetes refuses the new one.
    """
    where = here()
    apis = where.apis()
    origin = _origin(name, apis, overlap)
    url = origin.job["metadata"]["annotations"].get(CODE_NOTE, "")
    if not s3.is_there(url, "The copy of its code cannot be looked for."):
        raise SparkSessionError(
            f"The job {name} cannot be run again.",
            f"The copy of its code ({url}) was deleted.",
            "Submit the file itself: spark-session submit.",
        )
    with answers():
        notebook = where.notebook(apis)
    if notebook is not None:
        check_image(origin, notebook)
    manifest = again(origin.job, unique())
    try:
        with answers():
            apis.jobs.create("jobs", manifest)
    except SparkSessionError as error:
        if isinstance(error.__cause__, ApiError) and _IMAGE_REFUSED in error.__cause__.message:
            raise _other_image(origin, "It is not let in any more: your notebook has another one now.") from error
        raise
    return Job(manifest["metadata"]["name"], apis)


def again(job: Object, suffix: str) -> Object:
    """The Job of a rerun.

    Args:
        job: the Job object that is run again.
        suffix: what makes its name different from those of all others.
    """
    origin = bare(job)
    name = origin["metadata"]["name"]
    # It is none of the runs of the schedule that it may repeat one of.
    notes = {note: text for note, text in origin["metadata"]["annotations"].items() if note != SCHEDULE_NOTE}
    metadata = {
        "name": f"{_SUFFIX.sub('', name)[:LONGEST_SLUG].strip('-')}-{suffix}",
        "labels": origin["metadata"]["labels"],
        "annotations": {**notes, ORIGIN_NOTE: name},
    }
    return {**origin, "metadata": metadata, "spec": {**origin["spec"], "ttlSecondsAfterFinished": KEPT_SECONDS}}


def check_image(origin: PastJob, notebook: Object) -> None:
    """Refuse an image whose name stands for another one by now, as far as this notebook, which may have the one of now, can tell.

    Args:
        origin: the job that is run again.
        notebook: the notebook's Pod object.

    Raises:
        SparkSessionError: it does.
    """
    named = next((each["image"] for each in notebook["spec"]["containers"] if each["name"] == _NOTEBOOK), None)
    newer = digest_of_image(notebook, _NOTEBOOK)
    if named == _image(origin) and origin.digest and newer and newer != origin.digest:
        raise _other_image(origin, f"That name stands for {newer} now; it ran {origin.digest}.")


def _origin(name: str, apis: Apis, overlap: bool) -> PastJob:
    with answers():
        job = apis.job(name)
        pod = None if job is None else apis.pod(name)
    if job is None:
        found = archive().find(name)
        if found is None:
            raise no_job(name)
        return found
    origin = past(job, pod)
    if origin.outcome is None and not overlap:
        raise SparkSessionError(
            f"The job {name} has not ended.",
            "Both would run at once, and may write to the same place.",
            f"Wait for it, end it (spark-session cancel {name}), or say that you want both (--overlap).",
        )
    return origin


def _image(origin: PastJob) -> str:
    [container] = origin.job["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def _other_image(origin: PastJob, why: str) -> SparkSessionError:
    return SparkSessionError(
        f"The job {origin.name} cannot be run again with its image, {_image(origin)}.",
        why,
        "Submit the file itself: it then runs with the image of now.",
    )
