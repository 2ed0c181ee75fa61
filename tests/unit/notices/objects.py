"""Objects as Kubernetes has them when a job has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

HUB = "platform/notebooks"
BEGAN = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)
LABELS = {"app.kubernetes.io/managed-by": "spark-notebooks", "app.kubernetes.io/component": "job"}


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def job(name: str = "count-3f09ac", *conditions: dict[str, Any], user: str = "ada", **notes: str) -> dict[str, Any]:
    """A Job of a workspace, which began at BEGAN; notes are annotations of ours, by the last part of their names."""
    ours = {"script": "count.py", **notes}
    return {
        "metadata": {
            "name": name,
            "namespace": f"user-{user}",
            "uid": f"uid-of-{name}",
            "resourceVersion": "7",
            "creationTimestamp": stamp(BEGAN - timedelta(seconds=1)),
            "labels": dict(LABELS),
            "annotations": {f"spark-notebooks.io/{key}": text for key, text in ours.items()},
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 7200,
            "template": {
                "spec": {
                    "serviceAccountName": "notebook",
                    "containers": [{"name": "job", "resources": {"limits": {"memory": "2Gi"}}}],
                }
            },
        },
        "status": {"startTime": stamp(BEGAN), "conditions": list(conditions)},
    }


def condition(kind: str, reason: str = "", message: str = "", after: float = 41) -> dict[str, Any]:
    """What is so of a Job, some seconds after it began."""
    when = stamp(BEGAN + timedelta(seconds=after))
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": when}


def complete(after: float = 41) -> dict[str, Any]:
    return condition("Complete", "CompletionsReached", after=after)


def failed(code: int, after: float = 41) -> dict[str, Any]:
    """By the podFailurePolicy, in Kubernetes' own words."""
    said = f"Container job for pod user-ada/count-x failed with exit code {code} matching FailJob rule at index 1"
    return condition("Failed", "PodFailurePolicy", said, after)


def namespace(user: str, hub: str = HUB) -> dict[str, Any]:
    notes = {"spark-notebooks.io/hub": hub, "spark-notebooks.io/user": user}
    return {"metadata": {"name": f"user-{user}", "annotations": notes}}
