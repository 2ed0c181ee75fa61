"""Jobs: a script that runs by itself in the workspace, as it ran in the notebook, and whose exit code is the job's."""

from spark_session.batch.jobs import Job, submit
from spark_session.batch.outcome import Outcome, State

__all__ = ["Job", "Outcome", "State", "submit"]
