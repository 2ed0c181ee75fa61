"""An executor pod as the helper plans it and Spark makes it, and the same with something broken."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spark_session.context import Context
from spark_session.defaults import SparkSessionDefaults
from spark_session.environment import S3, Credentials, Environment, Workspace
from spark_session.plan import build
from spark_session.request import Request
from spark_session.shape import manifest

Pod = dict[str, Any]


def executor_pod(
    namespace: str,
    image: str,
    owner: str,
    folder: Path,
    token_audience: str | None = None,
    *,
    settings: Mapping[str, Any] = MappingProxyType({}),
    profile: str | None = None,
    member: str = "",
) -> Pod:
    """The manifest.

    Args:
        namespace: the workspace.
        image: of the notebook.
        owner: UID of the notebook pod.
        folder: an empty one, in place of the notebook's Secrets.
        token_audience: of the token by which it gets keys of S3; None where it mounts the Secret with the keys.
        settings: of SparkSessionDefaults.
        profile: that the session names.
        member: whose it is, in a shared workspace.
    """
    secret = folder / "authentication" / "secret"
    place = Workspace(namespace, "notebook", "10.0.0.7", "https://10.0.0.1:443", image, "IfNotPresent", secret, member)
    if member:
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.touch()
    home, region = "s3://notebooks/users/ada", "eu-central-1"
    if token_audience is None:
        s3 = S3(home, None, region, Credentials.PROFILE, credentials_file=folder / "s3" / "credentials")
    else:
        token = folder / "s3-token" / "token"
        s3 = S3(home, None, region, Credentials.WEB_IDENTITY, token_file=token, token_audience=token_audience)
    environment = Environment(place, s3, "/opt/venv/bin/python", "flights")
    defaults = SparkSessionDefaults(**settings)
    plan = build(Context(environment, Request(profile=profile), defaults, "0123abcd", folder))
    pod = manifest(plan, owner)
    pod["metadata"]["namespace"] = namespace
    # What Spark adds.
    pod["metadata"]["labels"] |= {
        "spark-app-selector": "spark-1",
        "spark-app-name": "flights",
        "spark-version": "4.3.0",
        "spark-exec-resourceprofile-id": "0",
    }
    return pod


def changed(pod: Pod, changes: Mapping[str, Any]) -> Pod:
    """A copy with values at paths such as spec:containers:0:image; None takes the key out, and a list in which ... stands is put behind the old one."""
    copied = copy.deepcopy(pod)
    for path, value in changes.items():
        *parents, last = (int(part) if part.isdigit() else part for part in path.split(":"))
        place: Any = copied
        for parent in parents:
            place = place[parent] if isinstance(place, list) else place.setdefault(parent, {})
        if value is None:
            del place[last]
        elif isinstance(value, list) and value[:1] == [...]:
            place[last] = [*place.get(last, []), *value[1:]]
        else:
            place[last] = value
    return copied
