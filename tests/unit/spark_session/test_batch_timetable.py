"""When a scheduled job runs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from spark_session.batch.timetable import Timetable, parse_timetable
from spark_session.errors import SparkSessionError

NOW = datetime(2026, 11, 21, 17, 30, 15, tzinfo=UTC)  # a Saturday


def runs(expression: str, zone: str = "UTC", now: datetime = NOW, count: int = 3) -> list[str]:
    found = parse_timetable(expression, zone).next_runs(now, count)
    return [f"{moment:%a %m-%d %H:%M %Z}" for moment in found]


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("0 3 * * *", "UTC", ["Sun 11-22 03:00 UTC", "Mon 11-23 03:00 UTC", "Tue 11-24 03:00 UTC"]),
        ("0 3 * * *", "Europe/Vienna", ["Sun 11-22 03:00 CET", "Mon 11-23 03:00 CET", "Tue 11-24 03:00 CET"]),
        ("30 18 * * *", "Europe/Vienna", ["Sun 11-22 18:30 CET", "Mon 11-23 18:30 CET", "Tue 11-24 18:30 CET"]),
        ("31 18 * * *", "Europe/Vienna", ["Sat 11-21 18:31 CET", "Sun 11-22 18:31 CET", "Mon 11-23 18:31 CET"]),
        ("*/20 17 * * *", "UTC", ["Sat 11-21 17:40 UTC", "Sun 11-22 17:00 UTC", "Sun 11-22 17:20 UTC"]),
        ("0 6 * * MON-Fri", "UTC", ["Mon 11-23 06:00 UTC", "Tue 11-24 06:00 UTC", "Wed 11-25 06:00 UTC"]),
        ("0 6 1 jan,jul *", "UTC", ["Fri 01-01 06:00 UTC", "Thu 07-01 06:00 UTC", "Sat 01-01 06:00 UTC"]),
        ("0 0 1-31/10 * *", "UTC", ["Tue 12-01 00:00 UTC", "Fri 12-11 00:00 UTC", "Mon 12-21 00:00 UTC"]),
        # Where both are given, one of them is enough: cron has it so, and Kubernetes.
        ("0 0 25 * 0", "UTC", ["Sun 11-22 00:00 UTC", "Wed 11-25 00:00 UTC", "Sun 11-29 00:00 UTC"]),
        ("@weekly", "UTC", ["Sun 11-22 00:00 UTC", "Sun 11-29 00:00 UTC", "Sun 12-06 00:00 UTC"]),
    ],
)
def test_the_next_runs_are_told_in_the_time_zone(expression: str, zone: str, expected: list[str]) -> None:
    assert runs(expression, zone) == expected


def test_an_hour_that_the_clock_leaves_out_has_no_run() -> None:
    before = datetime(2027, 3, 27, 0, 0, tzinfo=UTC)
    assert runs("30 2 * * *", "Europe/Vienna", before) == [
        "Sat 03-27 02:30 CET", "Mon 03-29 02:30 CEST", "Tue 03-30 02:30 CEST"
    ]  # fmt: skip
    assert runs("0 * * * *", "Europe/Vienna", datetime(2027, 3, 28, 0, 30, tzinfo=UTC), 2) == [
        "Sun 03-28 03:00 CEST", "Sun 03-28 04:00 CEST"
    ]  # fmt: skip


def test_an_hour_that_the_clock_shows_twice_has_two() -> None:
    before = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)  # 02:15, for the first time
    assert runs("30 2 * * *", "Europe/Vienna", before) == [
        "Sun 10-25 02:30 CEST", "Sun 10-25 02:30 CET", "Mon 10-26 02:30 CET"
    ]  # fmt: skip
    assert runs("*/30 * * * *", "Europe/Vienna", before, 4) == [
        "Sun 10-25 02:30 CEST", "Sun 10-25 02:00 CET", "Sun 10-25 02:30 CET", "Sun 10-25 03:00 CET"
    ]  # fmt: skip
    assert runs("0 2 * * *", "Europe/Vienna", datetime(2026, 10, 25, 0, 45, tzinfo=UTC), 1) == ["Sun 10-25 02:00 CET"]


def test_runs_are_in_order_and_after_now_across_a_whole_change_of_clocks() -> None:
    now = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    found = Timetable("*/7 * * * *", "Europe/Vienna").next_runs(now, 60)
    moments = [moment.astimezone(UTC) for moment in found]
    assert moments == sorted(set(moments))
    assert moments[0] > now
    assert all(later - earlier <= timedelta(minutes=7) for earlier, later in itertools.pairwise(moments))


def test_a_short_form_is_written_out_for_kubernetes() -> None:
    assert parse_timetable(" @Daily ") == Timetable("0 0 * * *", "UTC")
    assert parse_timetable("  0   3 * *  * ").expression == "0 3 * * *"


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "0 fields"),
        ("0 3 * *", "4 fields"),
        ("0 0 3 * * *", "6 fields"),
        ("@every 5m", "2 fields"),
        ("@often", "1 fields"),
        ("TZ=UTC 0 3 * * *", "6 fields"),
        (3, "0 fields"),
        ("60 3 * * *", "There is no such minute."),
        ("0 24 * * *", "There is no such hour."),
        ("0 3 0 * *", "There is no such day of month."),
        ("0 3 31 2 *", "There is no such day of month."),
        ("0 3 * 13 *", "There is no such month."),
        ("0 3 * * tag", "There is no such day of week."),
        ("*/0 * * * *", "There is no such minute."),
        ("30-10 * * * *", "There is no such minute."),
        # What Kubernetes does not know, or understands in another way.
        ("0 3 L * *", "'L' is none of"),
        ("0 3 * * 5#2", "'5#2' is none of"),
        ("0 3 * * ?", "'?' is none of"),
        ("0 3,, * * *", "'' is none of"),
        ("0 3 * * 7", "0 (Sunday) to 6"),
        ("0 3 * * 5-7", "0 (Sunday) to 6"),
        ("5/15 * * * *", "a step and no range"),
        ("5-5/15 * * * *", "a step and no range"),
        ("0 3 */2 * 1", "let one of the two be *"),
        ("0 3 1 * 1,*", "let one of the two be *"),
    ],
)
def test_what_is_no_time_or_not_clear_is_refused(expression: str, why: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        parse_timetable(expression)
    assert why in caught.value.why
    assert '"0 3 * * *" is every night at three' in caught.value.fix


@pytest.mark.parametrize(
    ("zone", "fix"),
    [("Europe/Wien", "Did you mean Europe/"), ("Europe", "Did you mean"), ("../UTC", ""), ("", ""), (None, "lists them all")],
)  # fmt: skip
def test_a_wrong_time_zone_is_refused(zone: str, fix: str) -> None:
    with pytest.raises(SparkSessionError, match="not the name of a time zone") as caught:
        parse_timetable("0 3 * * *", zone)
    assert fix in caught.value.fix
