"""What holds for a person by their groups."""

from typing import Any

import pytest
from spark_notebooks_hub.tenancy import Terms, choices, is_a_choice, laid_over, still_offered, terms_of
from spark_notebooks_hub.tenancy_values import GroupTerms, SizeOffer

EVERYBODY = Terms(quota={"pods": 20, "requests.cpu": 8}, limits=[{"type": "Container"}])
SIZES = [
    {"name": "Small"},
    {"name": "Very large!", "cpu": {"guarantee": 4}, "memory": {"limit": "32G", "guarantee": "16G"}},
]
IMAGES = [{"name": "Course", "image": "registry.example/course:1"}]


def entries(*groups: dict[str, Any]) -> list[GroupTerms]:
    return [GroupTerms.model_validate(group) for group in groups]


STAFF = {"group": "staff", "quota": {"requests.cpu": 40, "count/jobs.batch": 9}, "sizes": SIZES}
STUDENTS = {"group": "students", "quota": {"pods": 5}, "limits": [], "priorityClass": "low", "images": IMAGES}


def test_who_is_in_no_group_has_what_everybody_has() -> None:
    assert terms_of(EVERYBODY, entries(STAFF, STUDENTS), ["others"]) == EVERYBODY
    assert terms_of(EVERYBODY, [], ["staff"]) == EVERYBODY


def test_a_quota_is_laid_over_everybody_s() -> None:
    found = terms_of(EVERYBODY, entries(STAFF), ["staff"])
    assert found.quota == {"pods": 20, "requests.cpu": 40, "count/jobs.batch": 9}
    assert found.limits == EVERYBODY.limits
    assert laid_over({"pods": 20, "requests.cpu": 8}, {"pods": None}) == {"requests.cpu": 8}


def test_key_by_key_the_first_entry_decides_in_the_order_written() -> None:
    both = ["students", "staff"]
    one = terms_of(EVERYBODY, entries(STAFF, STUDENTS), both)
    assert one.quota == {"pods": 20, "requests.cpu": 40, "count/jobs.batch": 9}, "not a mixture of two groups"
    assert (one.priority_class, one.limits) == ("low", []), "what the first says nothing of is the second's"
    assert [each.name for each in one.sizes] == ["Small", "Very large!"]
    assert [each.name for each in one.images] == ["Course"]
    other = terms_of(EVERYBODY, entries(STUDENTS, STAFF), both)
    assert other.quota == {"pods": 5, "requests.cpu": 8}


def test_sizes_and_images_are_what_kubespawner_knows() -> None:
    [notebook] = choices(terms_of(EVERYBODY, entries(STAFF, STUDENTS), ["students", "staff"]), [{"display_name": "x"}])
    sizes = notebook["profile_options"]["size"]["choices"]
    assert sizes == {
        "small": {"display_name": "Small", "kubespawner_override": {}},
        "very-large": {
            "display_name": "Very large!",
            "kubespawner_override": {"cpu_guarantee": 4, "mem_limit": "32G", "mem_guarantee": "16G"},
        },
    }
    images = notebook["profile_options"]["image"]["choices"]
    assert images["course"]["kubespawner_override"] == {"image": "registry.example/course:1"}


def test_without_any_of_a_group_the_choices_are_everybody_s() -> None:
    everybody = [{"display_name": "Large", "slug": "large"}]
    assert choices(EVERYBODY, everybody) == everybody
    assert choices(EVERYBODY, []) == []


@pytest.mark.parametrize(
    ("groups", "asked"), [([STAFF], True), ([STUDENTS], False), ([STAFF, STUDENTS], True), ([], False)]
)
def test_a_form_with_one_answer_is_not_shown(groups: list[dict[str, Any]], asked: bool) -> None:
    terms = terms_of(EVERYBODY, entries(*groups), ["staff", "students"])
    assert is_a_choice(choices(terms, [])) is asked
    assert is_a_choice([{"display_name": "the administrator's own", "slug": "own"}])


OFFERED = choices(terms_of(EVERYBODY, entries(STAFF, STUDENTS), ["students", "staff"]), [])


@pytest.mark.parametrize(
    ("options", "kept", "gone"),
    [
        ({}, {}, []),
        ({"profile": "notebook", "size": "small"}, {"profile": "notebook", "size": "small"}, []),
        ({"profile": "notebook", "size": "huge", "image": "course"}, {"profile": "notebook", "image": "course"}, ["huge"]),
        ({"profile": "large", "size": "small"}, {}, ["large"]),
        ({"note": "of the API"}, {"note": "of the API"}, []),
    ],
)  # fmt: skip
def test_what_is_not_offered_any_more_is_left_out(
    options: dict[str, Any], kept: dict[str, Any], gone: list[str]
) -> None:
    assert still_offered(options, OFFERED) == (kept, gone)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"group": ""}, "at least 1 character"),
        ({"group": "a", "sizes": []}, "at least 1 item"),
        ({"group": "a", "sizes": [{"name": "Big one"}, {"name": "big-one"}]}, "there twice"),
        ({"group": "a", "images": [{"name": "a"}]}, "required"),
        ({"group": "a", "quotas": {}}, "not permitted"),
    ],
)
def test_wrong_entries_are_refused(entry: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        GroupTerms.model_validate(entry)


def test_a_size_is_completed_by_everybody_s() -> None:
    from spark_notebooks_hub.singleuser_values import Cpu, Memory

    size = SizeOffer.model_validate({"name": "s", "memory": {"limit": "512M"}})
    assert size.over(Cpu(), Memory(limit="4G", guarantee="256M")).memory == Memory(limit="512M", guarantee="256M")
    with pytest.raises(ValueError, match="guarantee 1G is more than limit 512M"):
        size.over(Cpu(), Memory(guarantee="1G"))
