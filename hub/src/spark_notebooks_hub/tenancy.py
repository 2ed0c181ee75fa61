"""What holds for one person, by their groups: quota, limits and priority of the workspace, and what they choose from at a start."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .tenancy_values import GroupTerms, ImageOffer, SizeOffer

# The one entry of the list of choices that images and sizes of groups make.
CHOICES_SLUG: Final = "notebook"


@dataclass(frozen=True)
class Terms:
    """What holds for a workspace.

    quota is a ResourceQuota's `spec.hard` and limits a LimitRange's `spec.limits`; priority_class is that of all its pods, None for the cluster's own; images and sizes
    are what there is to choose, none where the choices are everybody's.
    """

    quota: Mapping[str, Any] = field(default_factory=dict)
    limits: Sequence[Mapping[str, Any]] = ()
    priority_class: str | None = None
    images: Sequence[ImageOffer] = ()
    sizes: Sequence[SizeOffer] = ()


def terms_of(everybody: Terms, groups: Iterable[GroupTerms], member_of: Collection[str]) -> Terms:
    """The terms of a member of those groups.

    For each key the first of the person's groups that says something of it decides, in the order of the values. A quota is laid over everybody's, resource by
    resource, where None takes a limit away; everything else takes the place of everybody's.
    """
    mine = [each for each in groups if each.group in member_of]
    quota = next((each.quota for each in mine if each.quota is not None), {})
    limits = next((each.limits for each in mine if each.limits is not None), everybody.limits)
    images = next((each.images for each in mine if each.images), everybody.images)
    sizes = next((each.sizes for each in mine if each.sizes), everybody.sizes)
    priority = next((each.priority_class for each in mine if each.priority_class), everybody.priority_class)
    return Terms(laid_over(everybody.quota, quota), limits, priority, images, sizes)


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A quota with another one's resources in the place of its own; None takes one away."""
    return {name: value for name, value in {**below, **above}.items() if value is not None}


def choices(terms: Terms, everybody: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a person chooses from, as KubeSpawner's `profile_list`; everybody is that of the values, for those whose groups have neither images nor sizes."""
    offers = {"size": ("Size", terms.sizes), "image": ("Image", terms.images)}
    options = {
        key: {
            "display_name": title,
            "choices": {
                each.slug: {"display_name": each.name, "kubespawner_override": each.override} for each in offered
            },
        }
        for key, (title, offered) in offers.items()
        if offered
    }
    if not options:
        return [dict(each) for each in everybody]
    return [{"display_name": "Notebook", "slug": CHOICES_SLUG, "default": True, "profile_options": options}]


def is_a_choice(profiles: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there is anything to choose; a form with one answer is none."""
    if len(profiles) != 1:
        return bool(profiles)
    [profile] = profiles
    if profile.get("slug") != CHOICES_SLUG:
        return True
    return any(len(option["choices"]) > 1 for option in profile["profile_options"].values())


def still_offered(
    options: Mapping[str, Any], profiles: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """What of an earlier start's choices can still be chosen, and what cannot: KubeSpawner would fail at that.

    profiles are KubeSpawner's, with their slugs.
    """
    chosen = options.get("profile")
    if not chosen:
        return dict(options), []
    profile = next((each for each in profiles if each["slug"] == chosen), None)
    if profile is None:
        return {}, [str(chosen)]
    found = profile.get("profile_options", {})
    gone = {
        key: value
        for key, value in options.items()
        if key in found and value and value not in (found[key].get("choices") or {})
    }
    return {key: value for key, value in options.items() if key not in gone}, [str(value) for value in gone.values()]
