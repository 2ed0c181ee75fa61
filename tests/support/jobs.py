"""A job and a schedule as the helper makes them, without a notebook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spark_session.batch.code import Code
from spark_session.batch.cron_job import cron_job
from spark_session.batch.manifest import Place, job
from spark_session.batch.request import JobRequest
from spark_session.batch.timetable import Timetable
from spark_session.defaults import SparkSessionDefaults
from spark_session.environment import S3, Credentials, Workspace
from spark_session.placement import DRIVERS

NEVER = Timetable("0 0 29 2 *")
"""Times that no test lives to see."""


def job_manifest(
    namespace: str,
    image: str,
    settings: Mapping[str, Any] = MappingProxyType({}),
    driver_profile: str | None = None,
    member: str = "",
) -> dict[str, Any]:
    """The Job `flights-1`.

    Args:
        namespace: the workspace.
        image: of the notebook.
        settings: of SparkSessionDefaults.
        driver_profile: that is asked for.
        member: whose it is, in a shared workspace.
    """
    folder = Path("/var/run/secrets/spark-notebooks")
    workspace = Workspace(namespace, "notebook", "10.0.0.7", "", image, "IfNotPresent", folder / "a" / "secret", member)
    s3 = S3("s3://notebooks/users/ada", None, "eu-central-1", Credentials.PROFILE, folder / "s3" / "credentials")
    profile = SparkSessionDefaults(**settings).offered.choose(DRIVERS, driver_profile, "driver_profile")
    request = JobRequest("flights.py", b"", ("a",), "flights", 2, 7200, driver_profile=profile)
    code = Code("s3://notebooks/users/ada/.spark-jobs/code/0/flights.py", "0")
    config = json.dumps({SparkSessionDefaults.__name__: dict(settings)}) if settings else ""
    return job("flights-1", request, code, Place(workspace, s3, config))


def schedule_manifest(namespace: str, image: str, member: str = "") -> dict[str, Any]:
    """The CronJob `flights`, of the same job."""
    return cron_job("flights", NEVER, "forbid", job_manifest(namespace, image, member=member))
