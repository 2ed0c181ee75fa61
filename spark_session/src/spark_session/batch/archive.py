"""Where jobs are remembered: small objects in the person's own place on S3, one for each job."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from spark_session.batch import s3
from spark_session.batch.past import FOLDER, KEPT_DAYS, PastJob, from_json, key, parse_key, to_json

_READERS = 8
LOGS_FOLDER = ".spark-jobs/logs"
"""Of the logs of executors, in the person's own place: names of files begin with the job's, which has no "_" in it."""

MOST_DELETED = 1000
_FAILED = "The history of your jobs cannot be read."
_NOT_FORGOTTEN = "Old jobs cannot be taken out of your history."


@dataclass(frozen=True)
class Archive:
    """The jobs of one person. Methods raise SparkSessionError where S3 does not answer as it should.

    Args:
        home: the person's own place, "s3://bucket/prefix"; None where there is none: nothing is remembered then.
        member: whose, where the place is that of several people.
    """

    home: str | None
    member: str = ""

    def write(self, remembered: PastJob) -> None:
        """Remember a job, in place of what was remembered of it before."""
        if self.home is not None:
            url = f"{self._folder}{key(remembered.submitted, remembered.name)}"
            s3.write(url, to_json(remembered), "The job cannot be added to your history.")

    def names(self) -> list[str]:
        """Names of the objects that are there, the oldest job first."""
        if self.home is None:
            return []
        return sorted(name for name in s3.names(self._folder, _FAILED) if parse_key(name) is not None)

    def read(self, names: Sequence[str]) -> list[PastJob]:
        """What is remembered in objects; those that have gone meanwhile are left out."""
        with ThreadPoolExecutor(_READERS) as readers:
            return [found for found in readers.map(self._read, names) if found is not None]

    def find(self, job: str) -> PastJob | None:
        """What is remembered of a job; None for nothing."""
        found = [name for name in self.names() if name.endswith(f"-{job}.json") and _job(name) == job]
        return next(iter(self.read(found[-1:])), None)

    def forget(self, now: datetime) -> None:
        """Delete what is older than KEPT_DAYS, with the logs of executors."""
        if self.home is None:
            return
        oldest = key(now - timedelta(days=KEPT_DAYS), "")
        old = [name for name in s3.names(self._folder, _FAILED, most=1000) if parse_key(name) and name < oldest]
        if not old:
            return
        logs = f"{self.home}/{LOGS_FOLDER}/"
        # Their logs first: without its record nobody would know that they are old.
        jobs = set(map(_job, old))
        urls = [f"{logs}{name}" for name in s3.names(logs, _FAILED) if name.partition("_")[0] in jobs]
        for first in range(0, len(urls), MOST_DELETED):
            s3.delete(urls[first : first + MOST_DELETED], _NOT_FORGOTTEN)
        s3.delete([f"{self._folder}{name}" for name in old], _NOT_FORGOTTEN)

    @property
    def _folder(self) -> str:
        return f"{self.home}/{FOLDER}/{self.member}/" if self.member else f"{self.home}/{FOLDER}/"

    def _read(self, name: str) -> PastJob | None:
        url = f"{self._folder}{name}"
        content = s3.find(url, _FAILED)
        return None if content is None else from_json(content, url)


def _job(name: str) -> str:
    found = parse_key(name)
    return "" if found is None else found[1]
