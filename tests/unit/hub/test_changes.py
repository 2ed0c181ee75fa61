"""What a start tells of changes since the one before."""

import pytest
from spark_notebooks_hub.admission import Allowed, annotations
from spark_notebooks_hub.changes import Stand, changes, image_change
from spark_notebooks_hub.profile_values import Profile
from spark_notebooks_hub.profiles import Placement, profile_annotations
from spark_notebooks_hub.shared_folders import Share
from spark_notebooks_hub.workspace import HubIdentity, Workspace, namespace

MEMORY = {"type": "Container", "max": {"memory": "16Gi"}}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (Stand(), Stand(), []),
        (Stand(quota={"pods": "5"}), Stand(quota={"pods": "5"}), []),
        (
            Stand(quota={"requests.cpu": "20", "pods": "5", "limits.cpu": "9"}),
            Stand(quota={"requests.cpu": "40", "pods": "5", "limits.memory": "8Gi"}),
            ["your workspace's quota changed: requests.cpu 20 -> 40, limits.cpu 9 -> none, limits.memory none -> 8Gi"],
        ),
        (Stand(quota={"m": "2048Mi", "cpu": "1500m"}), Stand(quota={"m": "2Gi", "cpu": "1.5"}), []),
        (Stand(quota={"m": "2G"}), Stand(quota={"m": "2Gi"}), ["your workspace's quota changed: m 2G -> 2Gi"]),
        (
            Stand(limits=[MEMORY]),
            Stand(limits=[{**MEMORY, "max": {"memory": "32Gi"}}]),
            ["your workspace's limits changed: Container max memory 16Gi -> 32Gi"],
        ),
        (
            Stand(notes=annotations(Allowed(), [])),
            Stand(notes=annotations(Allowed(priority_class="low"), [])),
            ["the priority class of your workspace changed: none -> low"],
        ),
    ],
)
def test_each_kind_of_change_is_a_sentence(before: Stand, after: Stand, said: list[str]) -> None:
    assert changes(before, after) == said


def test_profiles_are_named_without_their_labels() -> None:
    spot, more = (
        Profile.model_validate({"description": "x", "nodeSelector": {"pool": pool}, "for": ["executors"]})
        for pool in ("a", "b")
    )
    before = Stand(notes=profile_annotations(Placement({"spot": spot, "old": spot})))
    after = Stand(notes=profile_annotations(Placement({"spot": more, "new": spot})))
    assert changes(before, after) == [
        "the profiles that you may use changed: new (for executors) is new, old (for executors) is gone, spot (for executors) is another"
    ]


def test_shared_folders_are_told_with_their_access() -> None:
    def notes(*shares: Share) -> Stand:
        workspace = Workspace("ada", "user-ada", HubIdentity("n", "f"), shares=shares)
        return Stand(notes=namespace(workspace)["metadata"]["annotations"])

    before = notes(Share("a", "groups/a", writable=True), Share("b", "groups/b", writable=False))
    after = notes(Share("a", "groups/a", writable=False), Share("c", "groups/c", writable=True))
    assert changes(before, after) == [
        "your shared folders changed: groups/a read and write -> read, groups/b read -> none, groups/c none -> read and write"
    ]


def test_another_image_is_told_of_the_server_that_has_it() -> None:
    before = {"image.spark-notebooks.io/notebook": "n:1", "image.spark-notebooks.io/notebook-big": "big:1"}
    assert image_change(before, {"image.spark-notebooks.io/notebook": "n:2"}, "notebook") == (
        "the image of your notebook changed: n:1 -> n:2"
    )
    assert image_change(before, {"image.spark-notebooks.io/notebook": "n:1"}, "notebook") is None
    assert image_change({}, {"image.spark-notebooks.io/notebook": "n:1"}, "notebook") is None
