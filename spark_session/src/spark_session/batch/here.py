"""Where jobs are started from: a notebook of the platform, or a machine outside of it that is a person's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from spark_session import kubeconfig
from spark_session.batch import manifest, outside
from spark_session.batch.apis import Apis
from spark_session.batch.archive import Archive
from spark_session.batch.manifest import Place
from spark_session.defaults import CONFIG_VARIABLE, SparkSessionDefaults, load_defaults
from spark_session.environment import CONTEXT_VARIABLE, MEMBER_VARIABLE, S3, Environment, Workspace, detect
from spark_session.errors import SparkSessionError
from spark_session.kube import Object


@dataclass(frozen=True)
class Here:
    """The workspace that jobs run in, and how it is reached from here.

    Args:
        workspace: the workspace.
        s3: the store, as jobs find it.
        config: the administrator's configuration of sessions, as in SPARK_SESSION_CONFIG.
        folder: "s3://..." address of the folder that the notebook is in; None where there is none.
        told: what the person's last notebook has told about jobs; None in a notebook.
    """

    workspace: Workspace
    s3: S3
    config: str
    folder: str | None = None
    told: Place | None = None

    @property
    def home(self) -> str | None:
        """The person's own place, "s3://bucket/prefix"."""
        return self.s3.home

    def apis(self) -> Apis:
        """The jobs of the workspace."""
        return Apis(self.workspace.api_url, self.workspace.namespace, self.workspace.access, self.workspace.member)

    def archive(self) -> Archive:
        """Where the jobs of the person are remembered."""
        return Archive(self.home, self.workspace.member)

    def defaults(self) -> SparkSessionDefaults:
        """What the administrator says of sessions."""
        return load_defaults({CONFIG_VARIABLE: self.config})

    def notebook(self, apis: Apis) -> Object | None:
        """The pod of the notebook that this runs in; None elsewhere. Raises what Api raises."""
        return apis.pods.get("pods", self.workspace.pod_name) if self.told is None else None

    def place(self, apis: Apis) -> Place:
        """What a job has of a notebook. Raises what Api raises."""
        if self.told is not None:
            return self.told
        return manifest.place(self.workspace, self.s3, self.config, apis.pods.get("pods", self.workspace.pod_name))


def tell() -> None:
    """Write down for other machines what jobs of this notebook have of it; nothing where this is in no workspace, or has no place on S3.

    Raises:
        SparkSessionError: S3 does not take it.
        ApiError, OSError, http.client.HTTPException: as Api raises them.
    """
    where = _notebook(detect(os.environ, Path.home()))
    if where is not None and where.home is not None:
        outside.write(where.home, where.place(where.apis()))


def here() -> Here:
    """Where this runs.

    Raises:
        SparkSessionError: it is in no workspace, and knows of none.
    """
    environment = detect(os.environ, Path.home())
    where = _notebook(environment)
    if where is not None:
        return where
    if environment.s3.home is None:
        raise SparkSessionError(
            "There is no workspace here for a job to run in.",
            "This is no notebook of the platform, and SPARK_NOTEBOOKS_S3_HOME does not say where the files of yours are.",
            'Start jobs in a notebook or its terminal, or set up this machine ("From your laptop, and from CI" in the guide to jobs).',
        )
    access = kubeconfig.load(os.environ.get(CONTEXT_VARIABLE) or None)
    told = outside.read(environment.s3.home, os.environ.get(MEMBER_VARIABLE, ""), access)
    return Here(told.workspace, told.s3, told.config, told=told)


def _notebook(environment: Environment) -> Here | None:
    if environment.workspace is None or not environment.workspace.is_ours:
        return None
    config = os.environ.get(CONFIG_VARIABLE, "")
    return Here(environment.workspace, environment.s3, config, folder=environment.notebook_folder)
