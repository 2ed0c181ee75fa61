"""When what Spark writes to S3 becomes visible: all of a job's files at once when the job commits, none of a task that died."""

from __future__ import annotations

from spark_session.context import Context, default
from spark_session.settings import Settings

FACTORY = "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory"
OVERWRITE_MODE = "spark.sql.sources.partitionOverwriteMode"


def committer(context: Context) -> Settings:
    """Hadoop's magic committer for s3://, as Spark chooses it for s3a:// where its classes are on the class path.

    The default one writes to a temporary folder and renames, and a rename on S3 is a copy of every file, which a reader may see half done. The magic
    one completes multipart uploads when the job commits. It cannot replace single partitions: a session that is asked for that
    (`partitionOverwriteMode=dynamic`) renames.
    """
    settings = {"spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3": default(FACTORY)}
    if _asked(context, OVERWRITE_MODE).lower() == "dynamic":
        settings["spark.hadoop.fs.s3a.committer.name"] = default("file")
    return settings


def _asked(context: Context, key: str) -> str:
    return context.request.conf.get(key) or str(context.defaults.conf.get(key, ""))
