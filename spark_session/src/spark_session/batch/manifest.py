"""The Kubernetes Job of a script, notebook or jar. Pure.

Its pod is a driver as the notebook's is: the same image, account and Secrets, so that the same helper finds the same things in it. It has none of the
notebook's variables but those that the helper reads: the others include the token of the person's server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spark_session.another_try import TRY_AGAIN
from spark_session.batch.code import Code, digest_of
from spark_session.batch.request import JAR_RUNNER, JobRequest
from spark_session.batch.travel import FILES_VARIABLE, written
from spark_session.defaults import CONFIG_VARIABLE, SparkSessionDefaults
from spark_session.environment import (
    HOME_VARIABLE,
    IMAGE_VARIABLE,
    JOB_VARIABLE,
    MEMBER_VARIABLE,
    S3,
    SECRET_FILE_VARIABLE,
    TOKEN_AUDIENCE_VARIABLE,
    Workspace,
)
from spark_session.kube import Object
from spark_session.pod_template import (
    CONTAINER_SECURITY,
    HOME,
    LABEL_PREFIX,
    POD_SECURITY,
    common_volumes,
    member_label,
    priority,
)
from spark_session.sizes import format_cores

NOTEBOOK_ACCOUNT = "notebook"
CONTAINER = "job"
LABELS = {"app.kubernetes.io/managed-by": "spark-notebooks", "app.kubernetes.io/component": "job"}
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
SCRIPT_NOTE = f"{LABEL_PREFIX}/script"
CODE_NOTE = f"{LABEL_PREFIX}/code"
DIGEST_NOTE = f"{LABEL_PREFIX}/code-sha256"
COMMIT_NOTE = f"{LABEL_PREFIX}/git-commit"
CLASS_NOTE = f"{LABEL_PREFIX}/main-class"
PACKAGES_NOTE = f"{LABEL_PREFIX}/packages"
FILES_NOTE = f"{LABEL_PREFIX}/files"
ORIGIN_NOTE = f"{LABEL_PREFIX}/rerun-of"
MEMORY_VARIABLE = "SPARK_NOTEBOOKS_JOB_MEMORY"
"""Of an application of the JVM: what the pod may use, as in Kubernetes. Most of it is the heap's."""
PROFILE_NOTE = f"{LABEL_PREFIX}/executor-profile"
DRIVER_PROFILE_NOTE = f"{LABEL_PREFIX}/driver-profile"
NOTIFY_NOTE = f"{LABEL_PREFIX}/notify"
"""Read by the service that tells of the end of jobs (spark_notebooks_hub.notices)."""
DISRUPTION = "DisruptionTarget"
"""Kubernetes' condition of pods that it ends for reasons of its own."""

KEPT_SECONDS = 24 * 3600
"""For how long a job is there after its end, with its log."""

# The first rule that fits decides; where none does, the pod was lost without an exit code, and is counted.
_FAILURES = {
    "rules": [
        # A pod that Kubernetes ended for reasons of its own (evicted, drained, preempted, its node lost) has an exit code, too.
        {"action": "Count", "onPodConditions": [{"type": DISRUPTION, "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"containerName": CONTAINER, "operator": "NotIn", "values": [TRY_AGAIN]}},
    ]
}

FAREWELL_SECONDS = 30
# Of a notebook that states none.
_CPU, _MEMORY = "500m", "2Gi"


@dataclass(frozen=True)
class Place:
    """What a job has of the notebook that it is started from.

    Args:
        workspace: of the notebook.
        s3: the store.
        config: the administrator's configuration of sessions, as in SPARK_SESSION_CONFIG; empty where there is none.
        resources: of the notebook's container, as in Kubernetes.
        pull_secrets: names of Secrets that the image is pulled with.
    """

    workspace: Workspace
    s3: S3
    config: str = ""
    resources: Mapping[str, Any] = field(default_factory=dict)
    pull_secrets: tuple[str, ...] = ()


def place(workspace: Workspace, s3: S3, config: str, notebook: Object) -> Place:
    """What a job has of a notebook whose Pod object is `notebook`."""
    spec = notebook["spec"]
    resources = next((each.get("resources") for each in spec["containers"] if each["name"] == "notebook"), None)
    secrets = tuple(each["name"] for each in spec.get("imagePullSecrets") or [])
    return Place(workspace, s3, config, resources or {}, secrets)


def job(name: str, request: JobRequest, code: Code, where: Place) -> Object:
    """The manifest of a Job.

    Args:
        name: of the object, new for each job.
        request: what was asked for.
        code: the copy of the script.
        where: the place.
    """
    notes = {SCRIPT_NOTE: request.script, CODE_NOTE: code.url, DIGEST_NOTE: code.digest}
    profile = request.driver_profile
    more = {
        COMMIT_NOTE: request.commit,
        CLASS_NOTE: request.main_class,
        PACKAGES_NOTE: request.along.names,
        FILES_NOTE: ", ".join(file.name for file in request.files),
        NOTIFY_NOTE: request.notify,
        PROFILE_NOTE: request.profile,
        DRIVER_PROFILE_NOTE: None if profile is None else profile.name,
    }
    notes |= {note: text for note, text in more.items() if text}
    labels = LABELS | member_label(where.workspace)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": dict(labels), "annotations": notes},
        "spec": {
            "backoffLimit": request.retries,
            "podFailurePolicy": _FAILURES,
            "activeDeadlineSeconds": request.timeout,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(request, code, where)},
        },
    }


def _pod(request: JobRequest, code: Code, where: Place) -> dict[str, Any]:
    volumes, mounts = common_volumes(where.workspace, where.s3)
    spec = {
        "restartPolicy": "Never",
        "serviceAccountName": where.workspace.named(NOTEBOOK_ACCOUNT),
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": FAREWELL_SECONDS,
        "securityContext": dict(POD_SECURITY),
        "volumes": volumes,
        "containers": [
            {
                "name": CONTAINER,
                "image": where.workspace.image,
                "imagePullPolicy": where.workspace.image_pull_policy,
                "args": ["python", "-m", request.runner, *map(_literal, (code.url, code.digest, *request.arguments))],
                "workingDir": HOME,
                "env": _variables(request, where),
                "resources": _resources(request, where.resources),
                "securityContext": dict(CONTAINER_SECURITY),
                "volumeMounts": mounts,
            }
        ],
    }
    if where.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in where.pull_secrets]
    profile = request.driver_profile
    if profile is not None and profile.node_selector:
        spec["nodeSelector"] = dict(profile.node_selector)
    if profile is not None and profile.tolerations:
        spec["tolerations"] = [dict(each) for each in profile.tolerations]
    return spec | priority(_section(where.config).get("priority_class"))


def _variables(request: JobRequest, where: Place) -> list[dict[str, Any]]:
    workspace = where.workspace
    given = {
        **request.env,
        **where.s3.variables,
        HOME_VARIABLE: where.s3.home or "",
        IMAGE_VARIABLE: workspace.image,
        "SPARK_NOTEBOOKS_IMAGE_PULL_POLICY": workspace.image_pull_policy,
        CONFIG_VARIABLE: _config(where.config, executors=request.executors, executor_profile=request.profile),
        # What the script prints is to be seen when it prints it.
        "PYTHONUNBUFFERED": "1",
    }
    if request.files:
        given[FILES_VARIABLE] = written(request.files, digest_of)
    if workspace.secret_file is not None:
        given[SECRET_FILE_VARIABLE] = str(workspace.secret_file)
    if workspace.member:
        given[MEMBER_VARIABLE] = workspace.member
    if where.s3.token_audience is not None:
        given[TOKEN_AUDIENCE_VARIABLE] = where.s3.token_audience
    if request.runner == JAR_RUNNER:
        given[MEMORY_VARIABLE] = _resources(request, where.resources)["limits"]["memory"]
    fields = {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "POD_UID": "metadata.uid",
        "POD_IP": "status.podIP",
        JOB_VARIABLE: f"metadata.labels['{JOB_NAME_LABEL}']",
    }
    return [
        *({"name": name, "value": _literal(text)} for name, text in sorted(given.items())),
        *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()),
    ]


def _section(config: str) -> dict[str, Any]:
    """The settings of sessions in the administrator's configuration."""
    content: dict[str, Any] = json.loads(config) if config.strip() else {}
    found: dict[str, Any] = content.get(SparkSessionDefaults.__name__, {})
    return found


def _config(text: str, **asked: object) -> str:
    content: dict[str, Any] = json.loads(text) if text.strip() else {}
    if said := {trait: value for trait, value in asked.items() if value is not None}:
        section = SparkSessionDefaults.__name__
        content = {**content, section: {**content.get(section, {}), **said}}
    return json.dumps(content, sort_keys=True)


def _resources(request: JobRequest, notebooks: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    requests, limits = dict(notebooks.get("requests") or {}), dict(notebooks.get("limits") or {})
    memory = str(limits.get("memory") or requests.get("memory") or _MEMORY)
    if request.driver_memory is not None:
        memory = f"{request.driver_memory}Mi"
    cpu = str(requests.get("cpu") or _CPU)
    most = {"cpu": str(limits["cpu"])} if "cpu" in limits else {}
    if request.driver_cores is not None:
        cpu = format_cores(request.driver_cores)
        most = {"cpu": cpu} if most else {}
    # A job's memory is its own: one that is promised less than it may use is the first to be ended where a node runs short.
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {**most, "memory": memory}}


def _literal(text: str) -> str:
    """A text in which Kubernetes replaces no $(VARIABLE)."""
    return text.replace("$", "$$")
