from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from s3_contents.janitor import CLOCKS, expired
from s3_contents.objects import Version
from s3_contents.timed_id import CheckpointId, TrashId

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


def version(key: str, day: int, size: int | None, latest: bool = False) -> Version:
    """A version, or with the size None a deletion."""
    tag = None if size is None else f"etag-{size}"
    return Version(key, f"{key}-{day}", START + day * DAY, size, tag, latest)


def found(versions: list[Version], day: int, *checkpoints: CheckpointId) -> list[str]:
    old, markers = expired(versions, checkpoints, START + day * DAY)
    return [str(each.id) for each in (*old, *markers)]


FILE = [version("a", 9, 5, latest=True), version("a", 6, 4), version("a", 3, 3), version("a", 0, 2)]


def test_the_time_counts_from_the_replacement() -> None:
    assert found(FILE, 3) == []
    assert found(FILE, 4) == ["a-0"]
    assert found(FILE, 100) == ["a-6", "a-3", "a-0"]


def test_keys_have_nothing_to_do_with_each_other() -> None:
    other = [version("b", 8, 1, latest=True), version("b", 1, 1)]
    assert found(FILE + other, 8) == ["a-3", "a-0"]
    assert found(FILE + other, 9) == ["a-3", "a-0", "b-1"]


def test_a_deletion_goes_after_all_that_it_hides() -> None:
    deleted = [version("a", 5, None, latest=True), version("a", 2, 1), version("a", 1, None), version("a", 0, 1)]
    assert found(deleted, 100) == ["a-2", "a-1", "a-0", "a-5"]
    assert found(deleted, 5) == ["a-1", "a-0"]
    assert found(deleted, 100, CheckpointId.new(START + 3 * DAY, 1)) == ["a-1", "a-0"]
    assert found(deleted[:1], 100) == ["a-5"]
    assert found(deleted[:1], 5) == []


def test_a_listing_that_is_broken_is_let_alone() -> None:
    assert found(FILE[1:], 100) == [], "without the present version"
    assert found([FILE[0], *FILE], 100) == [], "with the present version twice"


def test_the_version_of_a_checkpoint_stays_wherever_the_file_is_now() -> None:
    checkpoint = CheckpointId.new(START + 4 * DAY, 3)
    assert found(FILE, 100, checkpoint) == ["a-6", "a-0"]
    assert found(FILE, 100, CheckpointId.new(START + 4 * DAY, 4)) == ["a-6", "a-3", "a-0"], "another size"
    assert found(FILE, 100, CheckpointId.new(START + 7 * DAY, 3)) == ["a-6", "a-3", "a-0"], "another time"
    assert found(FILE, 100, CheckpointId.new(START + 3 * DAY - CLOCKS, 3)) == ["a-6", "a-0"], "clocks differ"


def test_no_checkpoint_of_any_history_is_lost() -> None:
    chance = random.Random(7)
    for _ in range(200):
        times = sorted(chance.sample(range(1000), 12))
        written = [version("a", day, chance.randrange(3)) for day in times]
        written[-1] = version("a", times[-1], 1, latest=True)
        day = chance.randrange(times[0], 1000)
        pointed = max((each for each in written if each.time <= START + day * DAY), key=lambda each: each.time)
        checkpoint = CheckpointId.new(START + day * DAY, pointed.size or 0)
        assert pointed.id not in found(written[::-1], 2000, checkpoint)


def test_an_id_tells_when_something_was_deleted() -> None:
    trash_id = TrashId.new(START, 3)
    assert TrashId.parse(str(trash_id)) == trash_id
    assert trash_id.depth == 3
    for text in ("", "x", "1-1-1", f"{trash_id}/x", "../" + str(trash_id)):
        assert TrashId.parse(text) is None
