"""The person's history of jobs, as a server reads it that looks again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spark_session.batch.archive import Archive
from spark_session.batch.past import PastJob, key


@dataclass(frozen=True)
class Memory(Archive):
    """Reads what a job came to once: it does not change any more. For use by any thread.

    Args:
        known: jobs that have been read, by the names of their objects; only those that the last look asked for.
    """

    known: dict[str, PastJob] = field(default_factory=dict)

    def read(self, names: Sequence[str]) -> list[PastJob]:
        """As Archive.read."""
        known = dict(self.known)
        found = {_name(each): each for each in super().read([name for name in names if name not in known])}
        final = {name: job for name, job in found.items() if job.outcome is not None}
        for name in known.keys() - set(names):
            self.known.pop(name, None)
        self.known.update(final)
        known |= found
        return [known[name] for name in names if name in known]


def _name(job: PastJob) -> str:
    return key(job.submitted, job.name)
