"""s3:// and s3a:// paths."""

from __future__ import annotations

from urllib.parse import urlsplit

from spark_session.context import Context, default, detected
from spark_session.settings import Settings

FILE_SYSTEM = "org.apache.hadoop.fs.s3a.S3AFileSystem"
DEFAULT_REGION = "us-east-1"


def s3(context: Context) -> Settings:
    """S3A pointed at the store and at the place of the credentials that boto3 and s3fs would use."""
    store = context.environment.s3
    settings = {"spark.hadoop.fs.s3.impl": default(FILE_SYSTEM)}
    if store.endpoint is not None:
        settings["spark.hadoop.fs.s3a.endpoint"] = detected(store.endpoint)
        settings["spark.hadoop.fs.s3a.path.style.access"] = detected("false" if _is_aws(store.endpoint) else "true")
    if store.region is not None:
        settings["spark.hadoop.fs.s3a.endpoint.region"] = detected(store.region)
    elif store.endpoint is not None:
        settings["spark.hadoop.fs.s3a.endpoint.region"] = default(DEFAULT_REGION)
    if store.credentials is not None:
        settings["spark.hadoop.fs.s3a.aws.credentials.provider"] = detected(store.credentials.value)
    return settings


def _is_aws(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
