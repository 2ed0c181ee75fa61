"""Jobs: a script that runs by itself in the workspace, as it ran in the notebook, and whose exit code is the job's; once, or at times of the clock."""

from spark_session.batch.jobs import Job, submit
from spark_session.batch.outcome import Outcome, State
from spark_session.batch.past import PastJob
from spark_session.batch.recall import history
from spark_session.batch.repeat import rerun
from spark_session.batch.scheduling import Schedule, schedule, schedules

__all__ = ["Job", "Outcome", "PastJob", "Schedule", "State", "history", "rerun", "schedule", "schedules", "submit"]
