"""One line for Spark: `spark = get_spark_session(executors=20)`."""

from spark_session.batch import history, rerun, schedule, schedules, submit
from spark_session.control import Cluster
from spark_session.defaults import SparkSessionDefaults
from spark_session.errors import SparkSessionError, SparkSessionWarning
from spark_session.home import s3_home
from spark_session.passing import pass_on
from spark_session.session import cluster, explain, get_spark_session, profiles

__all__ = [
    "Cluster",
    "SparkSessionDefaults",
    "SparkSessionError",
    "SparkSessionWarning",
    "cluster",
    "explain",
    "get_spark_session",
    "history",
    "pass_on",
    "profiles",
    "rerun",
    "s3_home",
    "schedule",
    "schedules",
    "submit",
]
