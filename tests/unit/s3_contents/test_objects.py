from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_contents import objects

S3_TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_time_comes_back_to_the_millisecond(time: datetime) -> None:
    time = time.replace(microsecond=time.microsecond // 1000 * 1000)
    assert objects.modified(objects.stamp(time), S3_TIME) == time


def test_now_has_milliseconds() -> None:
    time = objects.now()
    assert time.tzinfo is UTC
    assert time.microsecond % 1000 == 0
    assert abs(datetime.now(UTC) - time) < timedelta(seconds=10)


@pytest.mark.parametrize("mtime", ["", "x", "nan", "inf", "-inf", "1e400", "1e30", None])
def test_a_time_that_is_none_gives_way_to_that_of_s3(mtime: str | None) -> None:
    metadata = {} if mtime is None else {"mtime": mtime}
    time = objects.modified(metadata, S3_TIME)
    assert time == S3_TIME
    assert time.tzinfo is UTC


def test_rclones_times_are_understood() -> None:
    assert (
        objects.modified({"mtime": "1700000000.123456789"}, S3_TIME).isoformat() == "2023-11-14T22:13:20.123000+00:00"
    )


def test_every_write_has_a_mark_of_its_own() -> None:
    time = objects.now()
    assert objects.stamp(time)["write-id"] != objects.stamp(time)["write-id"]


def test_objects_of_answers() -> None:
    head = {
        "ContentLength": 3,
        "ETag": '"abc-2"',
        "LastModified": S3_TIME,
        "ContentType": "text/plain",
        "ContentEncoding": "",
        "Metadata": {"mtime": "1.5"},
        "ServerSideEncryption": "AES256",
    }
    item = objects.from_response("a/b", head)
    assert (item.key, item.size, item.etag, item.modified.timestamp()) == ("a/b", 3, "abc-2", 1.5)
    assert (item.headers, item.metadata) == ({"ContentType": "text/plain"}, {"mtime": "1.5"})
    entry = objects.from_listing({"Key": "a/b", "Size": 3, "ETag": '"x"', "LastModified": S3_TIME})
    assert (entry.key, entry.size, entry.etag, entry.modified) == ("a/b", 3, "x", S3_TIME)
