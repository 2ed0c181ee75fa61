from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from spark_session.context import Context
from spark_session.defaults import load_defaults
from spark_session.environment import detect
from spark_session.request import Request

from .api_server import Server, api_server, make_account

NOTEBOOK = {
    "SPARK_NOTEBOOKS_IMAGE": "registry.example/notebook:1",
    "SPARK_NOTEBOOKS_S3_HOME": "s3://notebooks/users/ada",
    "POD_NAME": "notebook",
    "POD_NAMESPACE": "user-ada",
    "POD_IP": "10.244.0.7",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "AWS_ENDPOINT_URL_S3": "http://s3.platform:7070",
    "AWS_REGION": "us-east-1",
    "AWS_SHARED_CREDENTIALS_FILE": "/var/run/secrets/spark-notebooks/s3/credentials",
    "JPY_SESSION_NAME": "work/Flights with Spark.ipynb",
}

MakeContext = Callable[..., Context]


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A folder as Kubernetes mounts it into a pod with a service account."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("not a real one")
    return folder


@pytest.fixture
def make_context(tmp_path: Path, token: Path) -> MakeContext:
    """Contexts from environment variables, the administrator's traits, and the arguments of a call."""

    def make(
        variables: Mapping[str, str] = NOTEBOOK, admin: Mapping[str, Any] | None = None, **arguments: Any
    ) -> Context:
        config = {"SPARK_SESSION_CONFIG": json.dumps({"SparkSessionDefaults": admin or {}})}
        return Context(
            environment=detect(variables, tmp_path / "home", token, python="/opt/venv/bin/python"),
            request=Request.parse(**arguments),
            defaults=load_defaults(config),
            session_id="0123abcd",
            scratch=tmp_path / "scratch",
        )

    return make


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A service account's folder for the server of this process."""
    folder = tmp_path / "account"
    folder.mkdir()
    make_account(folder)
    return folder


@pytest.fixture
def server(account: Path) -> Iterator[Server]:
    with api_server(account) as made:
        yield made
