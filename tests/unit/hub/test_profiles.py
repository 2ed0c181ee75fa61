"""Placement profiles: from the values to the notebook's pod, the settings of its sessions and the words of the admission policies."""

import copy
import json
from typing import Any

import pytest
from spark_notebooks_hub.config import hub_config
from spark_notebooks_hub.profile_values import DefaultProfiles, Profile
from spark_notebooks_hub.profiles import Placement, profile_annotations, session_settings
from spark_notebooks_hub.values import ValuesError, parse_values
from spark_notebooks_hub.workspace import HubIdentity, Workspace, namespace
from spark_session.defaults import SparkSessionDefaults
from spark_session.placement import DRIVERS, EXECUTORS

EXECUTOR, DRIVER = "executor-profile.spark-notebooks.io", "driver-profile.spark-notebooks.io"
PLACED = "allowed.spark-notebooks.io/placed"
PROFILES: dict[str, Any] = {
    "spot": {
        "description": "Cheap nodes that may go.",
        "for": ["executors"],
        "nodeSelector": {"node.example.org/pool": "spot"},
        "tolerations": [
            {"key": "node.example.org/spot", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "fast", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60},
        ],
        "layout": "spread",
        "spot": True,
        "maxExecutors": 100,
        "node": {"cpu": 15.89, "memory": "60Gi", "executors": 4, "reserved": {"cpu": "500m"}},
    },
    "steady": {"description": "Nodes that stay.", "nodeSelector": {"pool": "steady"}, "layout": "pack"},
    "gpu": {"description": "For some.", "allowedGroups": ["gpu", "staff"], "tolerations": [{"key": "gpu"}]},
    "anywhere": {"description": "Where there is room."},
}
MINIMAL: dict[str, Any] = {
    "release": {"name": "sn", "namespace": "platform", "fullname": "sn-spark-notebooks", "version": "0.1.0"},
    "singleuser": {
        "image": {"name": "registry.example/notebook", "tag": "1"},
        "nodeSelector": {"pool": "notebooks", "zone": "a"},
        "extraTolerations": [{"key": "notebooks", "operator": "Exists"}],
    },
}
KEYS = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "pass-word"}


def placement(*groups: str, **defaults: str) -> Placement:
    profiles = {name: Profile.model_validate(each) for name, each in PROFILES.items()}
    return Placement(profiles, DefaultProfiles(**defaults)).of_groups(groups)


def values(profiles: dict[str, Any] | None = None, **defaults: str | None) -> dict[str, Any]:
    return copy.deepcopy(MINIMAL) | {
        "workspace": {"profiles": PROFILES if profiles is None else profiles, "defaultProfiles": defaults}
    }


def test_the_words_of_a_profile() -> None:
    assert profile_annotations(placement()) == {
        f"{EXECUTOR}/spot": "node:node.example.org/pool=spot taint:node.example.org/spot:NoSchedule taint:fast=yes:NoExecute/60 spread",
        f"{EXECUTOR}/steady": "node:pool=steady pack",
        f"{EXECUTOR}/anywhere": "",
        # How executors are laid out is not about drivers.
        f"{DRIVER}/steady": "node:pool=steady",
        f"{DRIVER}/anywhere": "",
    }


@pytest.mark.parametrize("group", ["gpu", "staff"])
def test_a_profile_of_groups_is_for_their_members(group: str) -> None:
    assert profile_annotations(placement("others", group))[f"{EXECUTOR}/gpu"] == "taint:gpu=:"
    assert "gpu" in session_settings(placement(group))["profiles"]
    assert "gpu" not in session_settings(placement("others"))["profiles"]


def test_where_there_is_a_default_everything_has_a_profile() -> None:
    assert PLACED not in profile_annotations(placement())
    assert profile_annotations(placement(executors="steady"))[PLACED] == "executors"
    assert profile_annotations(placement(executors="steady", drivers="anywhere"))[PLACED] == "executors drivers"


def test_the_namespace_says_all_of_it() -> None:
    hub = HubIdentity("platform", "sn-spark-notebooks")
    notes = namespace(Workspace("ada", "user-ada", hub, placement=placement(drivers="steady")))["metadata"][
        "annotations"
    ]
    assert notes[f"{DRIVER}/steady"] == "node:pool=steady"
    assert notes[PLACED] == "drivers"
    assert not [
        key for key in namespace(Workspace("ada", "user-ada", hub))["metadata"]["annotations"] if "profile" in key
    ]


def test_sessions_read_what_the_hub_writes() -> None:
    written = json.loads(json.dumps(session_settings(placement(executors="steady", drivers="anywhere"))))
    offered = SparkSessionDefaults(**written).offered
    assert offered.defaults == {EXECUTORS: "steady", DRIVERS: "anywhere"}
    assert list(offered.profiles) == ["spot", "steady", "anywhere"]
    spot = offered.profiles["spot"]
    assert (spot.description, spot.roles, spot.layout, spot.spot, spot.max_executors) == (
        "Cheap nodes that may go.", (EXECUTORS,), "spread", True, 100,
    )  # fmt: skip
    assert spot.node_selector == {"node.example.org/pool": "spot"}
    assert list(spot.tolerations) == [
        {"key": "node.example.org/spot", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "fast", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60},
    ]
    assert spot.node is not None
    assert (float(spot.node.cpu), spot.node.memory, spot.node.executors) == (15.89, 60 * 2**30, 4)
    assert (float(spot.node.reserved_cpu), spot.node.reserved_memory) == (0.5, 0)
    assert offered.profiles["anywhere"].node is None


def test_without_profiles_sessions_are_told_of_none() -> None:
    assert session_settings(Placement()) == {}
    assert profile_annotations(Placement()) == {}


def test_notebooks_are_on_the_nodes_of_the_default_for_drivers() -> None:
    profiles = PROFILES | {
        "core": {"description": "x", "nodeSelector": {"pool": "core"}, "tolerations": [{"key": "core"}]}
    }
    found = hub_config(parse_values(values(profiles, drivers="core")), KEYS).KubeSpawner
    assert found.node_selector == {"pool": "core", "zone": "a"}
    assert found.tolerations == [
        {"key": "notebooks", "operator": "Exists"},
        {"key": "core", "operator": "Equal", "value": ""},
    ]
    plain = hub_config(parse_values(values(executors="steady")), KEYS).KubeSpawner
    assert plain.node_selector == {"pool": "notebooks", "zone": "a"}
    assert plain.tolerations == [{"key": "notebooks", "operator": "Exists"}]


WRONG: list[tuple[dict[str, Any], dict[str, str | None], str]] = [
    ({"spot": {}}, {}, "workspace.profiles.spot.description: must be set"),
    ({"Spot": {"description": "x"}}, {}, "profiles: 'Spot' is no name"),
    ({"s": {"description": "x", "for": ["jobs"]}}, {}, "workspace.profiles.s.for.0: must be 'executors' or 'drivers'"),
    ({"s": {"description": "x", "tolerations": [{"operator": "Exists"}]}}, {}, "tolerations.0.key: must be set"),
    ({"s": {"description": "x", "tolerations": [{"key": ""}]}}, {}, "tolerations.0.key"),
    ({"s": {"description": "x", "node": {"cpu": "16 cores", "memory": "64Gi"}}}, {}, "node.cpu: must be a Kubernetes quantity"),
    ({"s": {"description": "x", "node": {"cpu": 1, "memory": "1Gi", "reserved": {"cpu": "some"}}}}, {}, "reserved.cpu: must be a Kubernetes"),
    ({"s": {"description": "x", "tolerations": [{"key": "a", "tolerationSeconds": 3}]}}, {}, "tolerationSeconds is for taints that end pods"),
    ({"s": {"description": "x", "terminationGracePeriodSeconds": 301}}, {}, "terminationGracePeriodSeconds"),
    ({"s": {"description": "x", "for": ["drivers"], "spot": True}}, {}, "is for drivers, and spot is said of executors"),
    (PROFILES, {"executors": "cheap"}, "defaultProfiles.executors is 'cheap', and there is no such profile: it is one of spot, steady"),
    (PROFILES, {"drivers": "spot"}, "defaultProfiles.drivers is 'spot', which is not for drivers"),
    (PROFILES, {"executors": "gpu"}, "defaultProfiles.executors is 'gpu', which not everybody may use"),
]  # fmt: skip


@pytest.mark.parametrize(("profiles", "defaults", "words"), WRONG, ids=[words for _, _, words in WRONG])
def test_what_is_wrong_is_said(profiles: dict[str, Any], defaults: dict[str, str | None], words: str) -> None:
    with pytest.raises(ValuesError) as refusal:
        parse_values(values(profiles, **defaults))
    assert words in str(refusal.value)
