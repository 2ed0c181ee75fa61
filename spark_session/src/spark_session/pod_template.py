"""The executor pod, as far as it is ours: Spark adds its container's command, environment and resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spark_session.context import Context
from spark_session.environment import S3, Workspace
from spark_session.placement import Profile

USER_ID = 1000
HOME = "/home/jovyan"
S3_SECRET = "s3-credentials"  # noqa: S105 (the name of a Secret)
AUTHENTICATION_SECRET = "spark-authentication"  # noqa: S105 (the name of a Secret)
TOKEN_VOLUME = "s3-token"  # noqa: S105 (the name of a volume)
TOKEN_SECONDS = 3600
LABEL_PREFIX = "spark-notebooks.io"
MEMBER_LABEL = f"{LABEL_PREFIX}/member"
NODE = "kubernetes.io/hostname"
"""The label by which nodes are told apart."""

# What the `restricted` Pod Security Standard asks for, and a root file system that is read-only.
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": USER_ID,
    "runAsGroup": USER_ID,
    "fsGroup": USER_ID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def executor_pod(context: Context) -> dict[str, Any]:
    """Manifest of an executor pod that the `restricted` Pod Security Standard admits.

    The root file system is read-only; Spark's scratch space, /tmp and the home folder are emptyDir volumes.
    """
    volumes, mounts = common_volumes(context.environment.workspace, context.environment.s3)
    # The prefix tells Spark to keep its shuffle and spill files here.
    volumes.append({"name": "spark-local-dir-1", "emptyDir": {}})
    mounts.append({"name": "spark-local-dir-1", "mountPath": "/var/lib/spark"})
    session = {f"{LABEL_PREFIX}/session": context.session_id}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "labels": {
                "app.kubernetes.io/managed-by": "spark-notebooks",
                "app.kubernetes.io/component": "executor",
                **member_label(context.environment.workspace),
                **session,
            }
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": dict(POD_SECURITY),
            "containers": [
                {
                    "name": "executor",
                    # Spark puts files that a job ships (addFile, addPyFile) into an executor's working directory.
                    "workingDir": HOME,
                    "securityContext": dict(CONTAINER_SECURITY),
                    # The last lines of an executor that failed outlive it in its status.
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                    "volumeMounts": mounts,
                }
            ],
            "volumes": volumes,
            **({} if context.profile is None else _placed(context.profile, session)),
            **priority(context.defaults.priority_class),
        },
    }


def member_label(workspace: Workspace | None) -> dict[str, str]:
    """The label of a pod, job or schedule that says whose it is, in a workspace that several people share; none elsewhere."""
    return {MEMBER_LABEL: workspace.member} if workspace is not None and workspace.member else {}


def priority(name: str | None) -> dict[str, str]:
    """The field of a pod's spec with its priority class; nothing where it has none."""
    return {} if name is None else {"priorityClassName": name}


def _placed(profile: Profile, session: dict[str, str]) -> dict[str, Any]:
    """What a profile says and Spark has no settings for. The admission policy knows these shapes (charts: _helpers-pod-shape.tpl).

    Both layouts are wishes: executors that could not be laid out so start all the same.
    """
    fields: dict[str, Any] = {}
    if profile.tolerations:
        fields["tolerations"] = [dict(each) for each in profile.tolerations]
    of_session = {"topologyKey": NODE, "labelSelector": {"matchLabels": session}}
    if profile.layout == "spread":
        fields["topologySpreadConstraints"] = [{"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", **of_session}]
    elif profile.layout == "pack":
        near = {"weight": 100, "podAffinityTerm": of_session}
        fields["affinity"] = {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [near]}}
    return fields


def common_volumes(workspace: Workspace | None, s3: S3) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Volumes of every pod that a notebook makes, and their mounts: scratch space, and what it shows others who it is with, where its notebook has it."""
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}, {"name": "home", "emptyDir": {}}]
    mounts: list[dict[str, Any]] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (the container's own)
        {"name": "home", "mountPath": HOME},
    ]
    secrets = []  # nobody has made any for a workspace that is not the platform's
    if workspace is None or workspace.is_ours:
        secrets.append((S3_SECRET, S3_SECRET, s3.credentials_file))
    if workspace is not None and workspace.is_ours:
        secrets.append((AUTHENTICATION_SECRET, workspace.named(AUTHENTICATION_SECRET), workspace.secret_file))
    for name, secret, file in secrets:
        if file is not None:
            volumes.append({"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}})
            mounts.append(_mount(name, file))
    if s3.token_file is not None:
        # Not the notebook's: it ends with the pod, and says whose it is.
        token = {"audience": s3.token_audience, "expirationSeconds": TOKEN_SECONDS, "path": s3.token_file.name}
        volumes.append(
            {
                "name": TOKEN_VOLUME,
                "projected": {"defaultMode": 0o440, "sources": [{"serviceAccountToken": token}]},
            }
        )
        mounts.append(_mount(TOKEN_VOLUME, s3.token_file))
    return volumes, mounts


def _mount(name: str, file: Path) -> dict[str, Any]:
    return {"name": name, "mountPath": str(file.parent), "readOnly": True}
