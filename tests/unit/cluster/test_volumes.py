"""Which volumes are made and deleted."""

from pathlib import Path
from typing import Any

import pytest

from cluster.volumes import plan, volume_for, waits

FOLDER = Path("/volumes")


def claim(uid: str = "u1", **spec: Any) -> dict[str, Any]:
    base = {
        "storageClassName": "local",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return {
        "metadata": {"namespace": "n", "name": "home", "uid": uid},
        "spec": base | spec,
        "status": {"phase": "Pending"},
    }


def volume(uid: str = "u1", phase: str = "Bound", **spec: Any) -> dict[str, Any]:
    made = volume_for(claim(uid), FOLDER)
    return {**made, "spec": made["spec"] | spec, "status": {"phase": phase}}


def test_a_waiting_claim_gets_a_volume() -> None:
    todo = plan([claim()], [], FOLDER)
    (made,) = todo.create
    assert made["metadata"]["name"] == "pvc-u1"
    assert made["spec"]["local"] == {"path": "/volumes/pvc-u1"}
    assert made["spec"]["capacity"] == {"storage": "1Gi"}
    assert made["spec"]["claimRef"]["uid"] == "u1"
    assert (todo.keep, todo.delete) == ([], [])


def test_a_claim_gets_one_volume_only() -> None:
    assert plan([claim()], [volume(phase="Available")], FOLDER).create == []


@pytest.mark.parametrize(
    "other", [{"storageClassName": "nfs"}, {"storageClassName": ""}, {"volumeName": "pv1"}, {"volumeMode": "Block"}]
)
def test_claims_for_others_are_left_alone(other: dict[str, Any]) -> None:
    assert not waits(claim(**other))
    assert plan([claim(**other)], [], FOLDER).create == []


def test_a_claim_that_is_being_deleted_gets_none() -> None:
    dying = claim()
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert plan([dying], [], FOLDER).create == []


def test_a_released_volume_is_deleted() -> None:
    assert plan([], [volume("u1", "Released"), volume("u2")], FOLDER).delete == ["pvc-u1"]


def test_a_released_volume_is_kept_where_its_owner_says_so() -> None:
    todo = plan([], [volume(phase="Released", persistentVolumeReclaimPolicy="Retain")], FOLDER)
    assert (todo.keep, todo.delete) == (["pvc-u1"], [])


def test_volumes_of_others_are_left_alone() -> None:
    foreign = volume(phase="Released")
    foreign["metadata"]["annotations"] = {}
    todo = plan([], [foreign], FOLDER)
    assert (todo.keep, todo.delete) == ([], [])
