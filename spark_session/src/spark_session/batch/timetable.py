"""When a scheduled job runs: a cron expression in a time zone, read as Kubernetes reads it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from spark_session.errors import SparkSessionError, show

DEFAULT_TIME_ZONE = "UTC"

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = 5
_VALUE = r"\d{1,2}|[a-z]{3}"
_TERM = re.compile(
    rf"(?P<first>\*|{_VALUE})(?:-(?P<last>{_VALUE}))?(?:/(?P<step>\d{{1,2}}))?", re.ASCII | re.IGNORECASE
)
_LARGEST_SHIFT = timedelta(hours=3)
"""By which a clock is put back at most."""


@dataclass(frozen=True)
class Timetable:
    """Times of a clock on the wall.

    Args:
        expression: five fields: minute, hour, day of the month, month, day of the week (0 is Sunday).
        time_zone: of the clock, by its name in the tz database.
    """

    expression: str
    time_zone: str = DEFAULT_TIME_ZONE

    def next_runs(self, now: datetime, count: int = 3) -> list[datetime]:
        """The next times after `now`, in the time zone; fewer than `count` where there are no more.

        As Kubernetes does it: what is at an hour that the clock leaves out in spring is left out, too, and what is at one that it
        shows twice in autumn runs twice.

        Args:
            now: with its time zone.
            count: how many.
        """
        from cronsim import CronSim

        zone = ZoneInfo(self.time_zone)
        found: list[datetime] = []
        # Begun earlier: a clock that was put back may show times again that it has shown before.
        for wall in CronSim(self.expression, now.astimezone(zone).replace(tzinfo=None) - _LARGEST_SHIFT):
            moments = _moments(wall, zone)
            if len(found) >= count and moments and moments[0] > found[count - 1]:
                break
            found = sorted({*found, *(moment for moment in moments if moment > now)})
        return [moment.astimezone(zone) for moment in found[:count]]


def parse_timetable(expression: str, time_zone: str = DEFAULT_TIME_ZONE) -> Timetable:
    """Check a cron expression and a time zone.

    Args:
        expression: five fields, or @hourly, @daily, @weekly, @monthly, @yearly.
        time_zone: a name such as "Europe/Vienna".

    Raises:
        SparkSessionError: one of them is wrong, or the expression is one that readers of such expressions understand differently.
    """
    from cronsim import CronSim, CronSimError

    text = " ".join(expression.split()) if isinstance(expression, str) else ""
    text = _MACROS.get(text.lower(), text)
    why = _doubt(text)
    if why is None:
        try:
            CronSim(text, datetime(2000, 1, 1))
        except CronSimError as error:
            why = f"There is no such {str(error).removeprefix('Bad ').replace('-', ' ')}."
    if why is not None:
        raise SparkSessionError(
            f"schedule={show(expression)} is no time at which a job can be run.", why,
            'Give minute, hour, day of the month, month and day of the week: "0 3 * * *" is every night at three, "30 6 * * 1-5" half past six from '
            "Monday to Friday.",
        )  # fmt: skip
    return Timetable(text, _time_zone(time_zone))


def _doubt(text: str) -> str | None:
    """What is wrong with an expression, or not the same to Kubernetes and to the library that tells its times; None for nothing."""
    fields = text.split()
    if len(fields) != _FIELDS:
        return f"It has {len(fields)} fields, and not {_FIELDS}."
    for number, field in enumerate(fields):
        for term in field.split(","):
            if said := _doubt_of_term(term, is_weekday=number == _FIELDS - 1):
                return said
    _, _, day, _, weekday = fields
    if day != "*" and weekday != "*" and "*" in day + weekday:
        return (
            f"With {day} as the day of the month and {weekday} as the day of the week it is not clear whether one of them is to fit, or both: "
            "let one of the two be *."
        )
    return None


def _doubt_of_term(term: str, is_weekday: bool) -> str | None:
    match = _TERM.fullmatch(term)
    if match is None or (match["first"] == "*" and match["last"]):
        return f"{show(term)} is none of *, */15, 3, 1-5, 1-31/2, or a list of them with commas."
    if match["step"] and match["first"] != "*" and match["last"] in (None, match["first"]):
        return f"{show(term)} has a step and no range: write for example 5-59/15."
    if is_weekday and "7" in (match["first"], match["last"]):
        return "The days of the week are 0 (Sunday) to 6 (Saturday)."
    return None


def _time_zone(name: str) -> str:
    known = _time_zones()
    if name in known:
        return name
    near = get_close_matches(name, known, 1) if isinstance(name, str) else []
    raise SparkSessionError(
        f"time_zone={show(name)} is not the name of a time zone.",
        "It is one of the tz database, such as Europe/Vienna or UTC.",
        f"Did you mean {near[0]}?" if near else "zoneinfo.available_timezones() lists them all.",
    )


@cache
def _time_zones() -> set[str]:
    # A walk through the files of the tz database each time.
    return available_timezones()


def _moments(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """When a clock shows a time, in UTC, the earliest first: once, twice where it is put back meanwhile, or never."""
    found = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(moment for moment in found if moment.astimezone(zone).replace(tzinfo=None) == wall)
