"""What a notebook tells, in its person's own place on S3, for jobs that are submitted from other machines: what a job has of its notebook. Nothing in it is secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spark_session.batch import s3
from spark_session.batch.manifest import Place
from spark_session.environment import S3, Workspace
from spark_session.errors import SparkSessionError
from spark_session.kubeconfig import Person

_VERSION = 1


def write(home: str, place: Place) -> None:
    """Write down what jobs of a notebook have of it.

    Args:
        home: the person's own place.
        place: what they have.

    Raises:
        SparkSessionError: S3 does not take it.
    """
    s3.write(_address(home, place.workspace.member), to_json(place), "Other machines are not told how to start jobs.")


def read(home: str, member: str, access: Person) -> Place:
    """What the person's last notebook has told.

    Args:
        home: the person's own place.
        member: who they are in a workspace that several people share; empty in one of their own.
        access: to the cluster, from this machine.

    Raises:
        SparkSessionError: no notebook has told anything there, or S3 does not answer.
    """
    url = _address(home, member)
    content = s3.find(url, "Your workspace cannot be looked up.")
    if content is None:
        raise SparkSessionError(
            "Nothing is known of your workspace.",
            f"There is no {url}, which your notebook's server writes when it starts.",
            "Start your server on the platform once, and see that SPARK_NOTEBOOKS_S3_HOME is what it is in a terminal there.",
        )
    try:
        return from_json(content, access)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SparkSessionError(
            "What is told of your workspace cannot be read.",
            f"{url} is of another version, or damaged ({type(error).__name__}: {error}).",
            "Start your server on the platform again, and take the version of spark-session that is in its image.",
        ) from error


def to_json(place: Place) -> bytes:
    """As it is written down."""
    workspace, store = place.workspace, place.s3
    told = {
        "version": _VERSION,
        "workspace": {
            "namespace": workspace.namespace,
            "image": workspace.image,
            "image_pull_policy": workspace.image_pull_policy,
            "secret_file": _text(workspace.secret_file),
            "member": workspace.member,
        },
        "s3": {
            "home": store.home,
            "credentials_file": _text(store.credentials_file),
            "token_file": _text(store.token_file),
            "token_audience": store.token_audience,
            "variables": dict(store.variables),
        },
        "config": place.config,
        "resources": dict(place.resources),
        "pull_secrets": list(place.pull_secrets),
    }
    return json.dumps(told, indent=2, sort_keys=True).encode()


def from_json(content: bytes, access: Person) -> Place:
    """What was written down. Raises ValueError, KeyError, TypeError or AttributeError for something else.

    Args:
        content: of the file.
        access: to the cluster, from this machine.
    """
    told = json.loads(content)
    if told["version"] != _VERSION:
        raise ValueError(f"version {told['version']}")
    of, store = told["workspace"], told["s3"]
    workspace = Workspace(
        namespace=of["namespace"],
        pod_name="",
        pod_ip="",
        api_url=access.url,
        image=of["image"],
        image_pull_policy=of["image_pull_policy"],
        secret_file=_path(of["secret_file"]),
        member=of["member"],
        access=access,
    )
    found = S3(
        home=store["home"],
        credentials_file=_path(store["credentials_file"]),
        token_file=_path(store["token_file"]),
        token_audience=store["token_audience"],
        variables=dict(store["variables"].items()),
    )
    return Place(workspace, found, told["config"], dict(told["resources"].items()), tuple(told["pull_secrets"]))


def _address(home: str, member: str) -> str:
    """Where it is written down: in a place of several people each has their own."""
    return f"{home}/.spark-jobs/workspace{f'-{member}' if member else ''}.json"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: Any) -> Path | None:
    return None if text is None else Path(text)
