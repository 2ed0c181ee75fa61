"""Placement profiles: on which nodes drivers and executors run, by what the administrator says of them and by the person's groups.

A profile reaches three places: the notebook's own pod, the settings of sessions and jobs in it, and the admission policies, as words in an annotation of the
namespace. A policy makes the same words of a pod (charts: _helpers-pod-shape.tpl) and compares them.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .admission import ALLOWED
from .profile_values import ROLES, DefaultProfiles, Profile, Role

# The first parts of the annotations' keys; the second is the profile's name.
KEYS: Final[Mapping[Role, str]] = {
    "executors": "executor-profile.spark-notebooks.io",
    "drivers": "driver-profile.spark-notebooks.io",
}
PLACED: Final = f"{ALLOWED}/placed"

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Placement:
    """The profiles by their names, and which of them are the defaults."""

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    defaults: DefaultProfiles = field(default_factory=DefaultProfiles)

    def default(self, role: Role) -> Profile | None:
        """The profile of whoever names none; None where Kubernetes' scheduler is free to choose."""
        name = self.default_name(role)
        return None if name is None else self.profiles[name]

    def default_name(self, role: Role) -> str | None:
        """Its name."""
        found: str | None = getattr(self.defaults, role)
        return found

    @property
    def groups(self) -> set[str]:
        """All groups that profiles are for."""
        return {group for profile in self.profiles.values() for group in profile.allowed_groups}

    def of_groups(self, groups: Collection[str]) -> "Placement":
        """What a person in these groups may use."""
        mine = {
            name: profile
            for name, profile in self.profiles.items()
            if not profile.allowed_groups or not set(groups).isdisjoint(profile.allowed_groups)
        }
        return Placement(mine, self.defaults)


def profile_annotations(placement: Placement) -> dict[str, str]:
    """What the admission policies read: the words of each profile that a person may use, and which pods must have one."""
    found = {
        f"{KEYS[role]}/{name}": profile.words(role)
        for role in ROLES
        for name, profile in placement.profiles.items()
        if role in profile.roles
    }
    placed = [role for role in ROLES if placement.default(role)]
    return found | ({PLACED: " ".join(placed)} if placed else {})


def session_settings(placement: Placement) -> dict[str, Any]:
    """The same as settings of spark_session's SparkSessionDefaults; none where there are no profiles, as older images know none."""
    if not placement.profiles:
        return {}
    names = {
        "executor_profile": placement.default_name("executors"),
        "driver_profile": placement.default_name("drivers"),
    }
    profiles = {name: profile.setting for name, profile in placement.profiles.items()}
    return {"profiles": profiles} | {trait: name for trait, name in names.items() if name is not None}


def misfit(placement: Placement) -> str | None:
    """What is wrong with profiles and defaults that each for itself are right; None if nothing is."""
    for name in placement.profiles:
        if not _NAME.fullmatch(name):
            return f"profiles: {name!r} is no name: it is made of small letters, digits and '-', and has at most 40 of them"
    for role in ROLES:
        default = placement.default_name(role)
        if default is None:
            continue
        profile, where = placement.profiles.get(default), f"defaultProfiles.{role} is {default!r}"
        if profile is None:
            return f"{where}, and there is no such profile: it is one of {', '.join(placement.profiles) or 'none'}"
        if role not in profile.roles:
            return f"{where}, which is not for {role}: add {role} to its `for`"
        if profile.allowed_groups:
            return f"{where}, which not everybody may use: remove its allowedGroups, or choose another default"
    return None
