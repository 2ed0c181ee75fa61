"""Following the API server's objects."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster.policies.store import Store
from tests.unit.cluster.policies.api import Collection


def thing(uid: str, value: str | None = "a") -> dict[str, Any]:
    return {"metadata": {"uid": uid}, "value": value}


def soon(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Followed:
    def __init__(self) -> None:
        self.collection = Collection()
        self.changes = 0
        self.store: Store[str] = Store(self.collection, lambda item: item["value"], self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def start(self) -> None:
        self.store.follow()
        soon(lambda: bool(self.collection._watches))


@pytest.fixture
def followed() -> Followed:
    made = Followed()
    made.collection.put(thing("1"))
    return made


def test_what_was_there_before_is_known(followed: Followed) -> None:
    assert not followed.store.listed
    followed.start()
    assert followed.store.listed
    assert followed.store.objects() == {"1": "a"}


def test_what_comes_changes_and_goes_is_followed(followed: Followed) -> None:
    followed.start()
    followed.collection.put(thing("2", "b"))
    soon(lambda: followed.store.objects() == {"1": "a", "2": "b"})
    followed.collection.put(thing("2", "c"))
    soon(lambda: followed.store.objects() == {"1": "a", "2": "c"})
    followed.collection.remove("1")
    soon(lambda: followed.store.objects() == {"2": "c"})
    assert followed.collection.lists == 1


def test_what_is_of_no_interest_any_more_goes(followed: Followed) -> None:
    followed.start()
    followed.collection.put(thing("1", None))
    soon(lambda: followed.store.objects() == {})


def test_a_change_that_changes_nothing_wakes_nobody(followed: Followed) -> None:
    followed.start()
    before = followed.changes
    followed.collection.put(thing("1"))
    followed.collection.put(thing("2"))
    soon(lambda: "2" in followed.store.objects())
    assert followed.changes == before + 1


def test_a_lost_history_is_made_up_for_by_a_list(followed: Followed) -> None:
    followed.start()
    followed.collection.mute = True
    followed.collection.put(thing("2"))
    followed.collection.mute = False
    followed.collection.forget_history()
    soon(lambda: followed.store.objects() == {"1": "a", "2": "a"})
    assert followed.collection.lists == 2


def test_a_watch_that_ends_is_begun_again_where_it_was(followed: Followed) -> None:
    followed.start()
    followed.collection.hang_up()
    soon(lambda: len(followed.collection._watches) == 2)
    followed.collection.put(thing("2"))
    soon(lambda: "2" in followed.store.objects())
    assert followed.collection.lists == 1
