from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from s3_contents.errors import NotFoundError, RejectedError
from s3_contents.history import Cursor, Place
from s3_contents.objects import versions_from_listing
from s3_contents.timed_id import CheckpointId

TIME = datetime(2026, 11, 21, 6, 17, 45, 123000, tzinfo=UTC)


def entry(version: str, seconds: int, latest: bool = False, key: str = "a", **more: Any) -> dict[str, Any]:
    time = (TIME + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=2)))
    return {"Key": key, "VersionId": version, "LastModified": time, "IsLatest": latest, **more}


def test_a_checkpoint_id_tells_time_and_size() -> None:
    made = CheckpointId.new(TIME, 512)
    assert CheckpointId.parse(str(made)) == made
    assert (made.time, made.size) == (TIME, 512)
    assert str(made).replace("-", "").isalnum(), "Jupyter allows letters, digits, - and _"
    later = CheckpointId.new(TIME + timedelta(milliseconds=1), 1)
    assert str(made) < str(later)
    assert CheckpointId.new(TIME, 512) != made


@pytest.mark.parametrize(
    "text", ["", "checkpoint", "1-2-abcdef01", "1795241603792-0-xyz", "1795241603792-0-d2d1f6ae/x"]
)
def test_what_is_no_checkpoint_id(text: str) -> None:
    assert CheckpointId.parse(text) is None


def test_places_and_cursors_are_words() -> None:
    for item in (Place("f/ä b.txt", "01M7+/="), Place("a", None), Cursor("f/ä.txt"), Cursor("a", "x", 1.5, 17)):
        word = item.token()
        assert word.replace("-", "").replace("_", "").isalnum()
        assert type(item).parse(word) == item


@pytest.mark.parametrize("word", ["", "!", "ä", "x", "bnVsbA", "WzEsMl0", Place("a", None).token() + "ä"])
def test_words_that_are_none(word: str) -> None:
    with pytest.raises(NotFoundError, match="Open the history again"):
        Place.parse(word)
    with pytest.raises(RejectedError, match="Open it again"):
        Cursor.parse(word)


def test_a_cursor_leads_to_no_hidden_place() -> None:
    for path in (".s3_contents/checkpoints", "../x"):
        with pytest.raises((NotFoundError, RejectedError)):
            Cursor.parse(Cursor(path).token())


def test_a_listing_of_versions() -> None:
    response = {
        "Versions": [
            entry("3", 2, Size=3, ETag='"c"'),
            entry("1", 0, Size=1, ETag='"a"'),
            entry("0", 5, latest=True, key="a2", Size=9, ETag='"z"'),
        ],
        "DeleteMarkers": [entry("4", 3, latest=True), entry("2", 1)],
    }
    *found, other = versions_from_listing(response)
    assert (other.key, other.id, other.is_latest) == ("a2", "0", True)
    assert [(version.id, version.size, version.etag) for version in found] == [
        *(("4", None, None), ("3", 3, "c"), ("2", None, None), ("1", 1, "a"))
    ]
    assert [version.is_latest for version in found] == [True, False, False, False]
    assert found[3].time == TIME.replace(microsecond=0)


def test_a_bucket_without_versions_lists_the_object_as_it_is() -> None:
    (found,) = versions_from_listing({"Versions": [entry("null", 0, latest=True, Size=1, ETag='"a"')]})
    assert found.id is None


def test_a_ulid_tells_when_a_version_was_written() -> None:
    """versitygw gives older versions the time at which they were replaced."""
    old, wrong = "01M7YBHG1C8YGMCCTBXMFTDA0G", "7ZZZZZZZZZ8YGMCCTBXMFTDA0G"
    later = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    entries = [{"Key": "a", "VersionId": name, "LastModified": later, "IsLatest": False} for name in (wrong, old)]
    first, second = versions_from_listing({"DeleteMarkers": entries})
    assert (first.time, second.time) == (later, datetime(2026, 11, 21, 6, 8, 48, 684000, tzinfo=UTC))
