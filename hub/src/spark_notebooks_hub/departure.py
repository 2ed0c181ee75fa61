"""What becomes of a workspace when its person is not among the hub's users any more. Never a word about S3: what is there stays."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from .workspace import (
    ARCHIVED_LABEL,
    HUB_ANNOTATION,
    MANAGED_BY,
    USER_ANNOTATION,
    HubIdentity,
    Manifest,
    Workspace,
    hub_binding,
    namespace,
    resource_quota,
)

Policy = Literal["keep", "archive", "remove"]
Action = Literal["mark", "unmark", "archive", "remove"]

# When a look found the person unknown for the first time.
UNKNOWN_ANNOTATION: Final = "spark-notebooks.io/user-unknown-since"
# Nothing more starts; what is counted under other names cannot start either.
ARCHIVED_QUOTA: Final = {"pods": 0, "count/jobs.batch": 0}


@dataclass(frozen=True)
class Decision:
    """What a look does with one workspace."""

    namespace: str
    uid: str
    user: str
    action: Action


def decisions(
    namespaces: Iterable[Mapping[str, Any]],
    users: Collection[str],
    hub: HubIdentity,
    policy: Policy,
    *,
    now: datetime,
    patience: timedelta,
) -> list[Decision]:
    """What to do with workspaces of people who are not among the hub's users.

    One look marks what it finds, and another one, at least `patience` later, acts on marks that are still right: a database that is away for an hour, or is brought back
    from a backup, costs nobody anything. A hub without users is a hub whose database is new, and nothing is done.
    """
    if policy == "keep" or not users:
        return []
    found = []
    for each in namespaces:
        metadata = each.get("metadata", {})
        labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
        user, since = notes.get(USER_ANNOTATION), _time(notes.get(UNKNOWN_ANNOTATION))
        ours = labels.get("app.kubernetes.io/managed-by") == MANAGED_BY and notes.get(HUB_ANNOTATION) == str(hub)
        if not ours or not user or metadata.get("deletionTimestamp"):
            continue
        action: Action | None = None
        if user in users:
            action = "unmark" if UNKNOWN_ANNOTATION in notes else None
        elif policy == "archive" and ARCHIVED_LABEL in labels:
            action = None
        elif since is None:
            action = "mark"
        elif now - since >= patience:
            action = policy
        if action:
            found.append(Decision(metadata["name"], metadata["uid"], user, action))
    return found


def _time(text: str | None) -> datetime | None:
    """A point in time with its zone; None for what is none."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def mark(decision: Decision, since: datetime | None) -> Manifest:
    """The mark of a namespace, to be applied by a field manager of its own; without a time it goes."""
    notes = {} if since is None else {UNKNOWN_ANNOTATION: since.isoformat(timespec="seconds")}
    # The uid: one that has gone meanwhile would else be made by this.
    metadata = {"name": decision.namespace, "uid": decision.uid, "annotations": notes}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def archived_manifests(workspace: Workspace, uid: str) -> list[Manifest]:
    """What an archived workspace, whose namespace has that uid, is brought to: nobody's keys, nothing let in, no room; in the order in which it has to be applied.

    The next start applies the whole workspace in its place.
    """
    bare = replace(workspace, quota=ARCHIVED_QUOTA, prefixes=(), shares=(), credentials=None)
    place = namespace(bare)
    place["metadata"]["labels"][ARCHIVED_LABEL] = "true"
    place["metadata"]["uid"] = uid
    return [place, hub_binding(bare), resource_quota(bare)]
