"""The notebook server's pod: its environment, volumes and security settings, as plain Kubernetes data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .workspace import AUTHENTICATION_SECRET, CREDENTIALS_SECRET, token_secret_name

UID: Final = 1000
GID: Final = 1000
HOME: Final = "/home/jovyan"
CREDENTIALS_FOLDER: Final = "/var/run/secrets/spark-notebooks/s3"
TOKEN_FOLDER: Final = "/var/run/secrets/spark-notebooks/s3-token"  # noqa: S105 (a folder)
TOKEN_VOLUME: Final = "s3-token"  # noqa: S105 (a name)
# Kubernetes writes a new one after four fifths of that time.
TOKEN_SECONDS: Final = 3600
# SDKs want one; the token service decides by the token alone.
ROLE_ARN: Final = "arn:aws:iam::000000000000:role/spark-notebooks"
# In the notebook image.
AWS_CONFIG: Final = "/etc/spark-notebooks/aws-config"
# By both names JupyterHub's server knows its token for the hub.
HUB_TOKENS: Final = ("JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN")
AUTHENTICATION_FOLDER: Final = "/var/run/secrets/spark-notebooks/authentication"

# The Pod Security level `restricted` asks for all of these.
POD_SECURITY_CONTEXT: Final[dict[str, Any]] = {
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
    # A large home volume is not walked at every start.
    "fsGroupChangePolicy": "OnRootMismatch",
}
CONTAINER_SECURITY_CONTEXT: Final[dict[str, Any]] = {
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True)
class TokenService:
    """Where pods get keys of the notebook storage: its URL, and the audience of the token that they show."""

    url: str
    audience: str


@dataclass(frozen=True)
class NotebookStorage:
    """Where notebooks are kept; endpoint is None for AWS."""

    bucket: str
    prefix: str
    region: str
    endpoint: str | None = None

    def folder(self, slug: str) -> str:
        """The person's private prefix in the bucket, without a slash at its ends."""
        return "/".join(filter(None, [self.prefix.strip("/"), slug]))

    def home(self, slug: str) -> str:
        """The person's private prefix, as an s3:// URL without a trailing slash."""
        return f"s3://{self.bucket}/{self.folder(slug)}"


def environment(
    slug: str,
    storage: NotebookStorage,
    *,
    image: str,
    image_pull_policy: str | None,
    spark_defaults: Mapping[str, Any],
    contents_settings: Mapping[str, Any],
    has_credentials: bool,
    token_service: TokenService | None = None,
) -> dict[str, Any]:
    """The environment of a notebook server: values are text, or Kubernetes EnvVar objects for what only the node knows.

    spark_defaults are settings of spark_session's SparkSessionDefaults, contents_settings of s3_contents' S3ContentsManager; has_credentials says whether the credentials Secret is mounted, token_service where keys come from instead.
    """
    variables: dict[str, Any] = {
        "SPARK_NOTEBOOKS_S3_HOME": storage.home(slug),
        "SPARK_NOTEBOOKS_IMAGE": image,
        "SPARK_NOTEBOOKS_IMAGE_PULL_POLICY": image_pull_policy or "IfNotPresent",
        "SPARK_SESSION_CONFIG": json.dumps({"SparkSessionDefaults": dict(spark_defaults)}, sort_keys=True),
        "S3_CONTENTS_CONFIG": json.dumps({"S3ContentsManager": dict(contents_settings)}, sort_keys=True),
        "SPARK_SESSION_SECRET_FILE": f"{AUTHENTICATION_FOLDER}/secret",
        "AWS_REGION": storage.region,
        "AWS_DEFAULT_REGION": storage.region,
        "POD_NAME": _field("POD_NAME", "metadata.name"),
        "POD_NAMESPACE": _field("POD_NAMESPACE", "metadata.namespace"),
        "POD_UID": _field("POD_UID", "metadata.uid"),
        "POD_IP": _field("POD_IP", "status.podIP"),
    }
    if storage.endpoint:
        variables["AWS_ENDPOINT_URL_S3"] = storage.endpoint
    if has_credentials:
        variables["AWS_SHARED_CREDENTIALS_FILE"] = f"{CREDENTIALS_FOLDER}/credentials"
    if token_service:
        variables |= {
            "AWS_ROLE_ARN": ROLE_ARN,
            "AWS_WEB_IDENTITY_TOKEN_FILE": f"{TOKEN_FOLDER}/token",
            "AWS_ENDPOINT_URL_STS": token_service.url,
            # For the SDK for C++, which does not know of that URL: a program that asks there.
            "AWS_CONFIG_FILE": AWS_CONFIG,
            # For the pods of executors, which mount a token of their own.
            "SPARK_SESSION_S3_TOKEN_AUDIENCE": token_service.audience,
        }
    return variables


def hub_tokens(server: str) -> dict[str, Any]:
    """The variables with a server's token for the hub (`server`: its pod's name), from the Secret that the hub writes it to."""
    source = {"secretKeyRef": {"name": token_secret_name(server), "key": "token"}}
    return {name: {"name": name, "valueFrom": source} for name in HUB_TOKENS}


def volumes(
    home_claim: str | None,
    has_credentials: bool,
    token_service: TokenService | None = None,
    home_limit: str | int | None = None,
) -> dict[str, dict[str, Any]]:
    """The pod's volumes by name: the home folder (a claim, or scratch space), /tmp, and the Secrets of Spark and of the storage, or the token for it.

    home_limit is the most that scratch space for the home folder may take, as a Kubernetes quantity; None: no limit.
    """
    scratch = {"emptyDir": {} if home_limit is None else {"sizeLimit": str(home_limit)}}
    home = {"persistentVolumeClaim": {"claimName": home_claim}} if home_claim else scratch
    found: dict[str, dict[str, Any]] = {
        "home": {"name": "home", **home},
        "tmp": {"name": "tmp", "emptyDir": {}},
        AUTHENTICATION_SECRET: _secret(AUTHENTICATION_SECRET),
    }
    if has_credentials:
        found[CREDENTIALS_SECRET] = _secret(CREDENTIALS_SECRET)
    if token_service:
        token = {"audience": token_service.audience, "expirationSeconds": TOKEN_SECONDS, "path": "token"}
        projected = {"defaultMode": 0o440, "sources": [{"serviceAccountToken": token}]}
        found[TOKEN_VOLUME] = {"name": TOKEN_VOLUME, "projected": projected}
    return found


def volume_mounts(has_credentials: bool, token_service: TokenService | None = None) -> dict[str, dict[str, Any]]:
    """Where the volumes are mounted, by the volumes' names. The root file system itself is read-only."""
    mounts: dict[str, dict[str, Any]] = {
        "home": {"name": "home", "mountPath": HOME},
        "tmp": {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (the container's own)
        AUTHENTICATION_SECRET: _mounted(AUTHENTICATION_SECRET, AUTHENTICATION_FOLDER),
    }
    if has_credentials:
        mounts[CREDENTIALS_SECRET] = _mounted(CREDENTIALS_SECRET, CREDENTIALS_FOLDER)
    if token_service:
        mounts[TOKEN_VOLUME] = _mounted(TOKEN_VOLUME, TOKEN_FOLDER)
    return mounts


def _secret(name: str) -> dict[str, Any]:
    return {"name": name, "secret": {"secretName": name, "defaultMode": 0o440}}


def _mounted(name: str, folder: str) -> dict[str, Any]:
    return {"name": name, "mountPath": folder, "readOnly": True}


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
