from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_contents.sync_plan import Limits, OnDisk, Step, Synced, plan, within

OLD, NEW = OnDisk(1, 1), OnDisk(1, 2)
BASE = Synced("old", OLD)


@pytest.mark.parametrize(
    ("synced", "disk", "remote", "step"),
    [
        (BASE, OLD, "old", None),
        (BASE, NEW, "old", Step.SEND),
        (BASE, OLD, "new", Step.FETCH),
        (BASE, NEW, "new", Step.COMPARE),
        (BASE, None, "old", Step.TRASH),
        (BASE, None, "new", Step.FETCH),
        (BASE, OLD, None, Step.REMOVE),
        (BASE, NEW, None, Step.SEND_NEW),
        (BASE, None, None, Step.FORGET),
        (None, OLD, "old", Step.COMPARE),
        (None, OLD, None, Step.SEND_NEW),
        (None, None, "old", Step.FETCH),
    ],
)
def test_every_case(synced: Synced | None, disk: OnDisk | None, remote: str | None, step: Step | None) -> None:
    found = plan({"a": synced} if synced else {}, {"a": disk} if disk else {}, {"a": remote} if remote else {})
    assert found == ({"a": step} if step else {})


def test_files_beside_the_notebook_come_first_and_small_ones_before_large() -> None:
    sizes = {"big": 90, "small": 10, "huge": 101, "f/a": 1, "f/g/b": 1, "c": 50}
    assert within(Limits(10, 100, 70), sizes, {}) == ({"small", "c", "f/a", "f/g/b"}, ["big", "huge"])
    assert within(Limits(3, 100, 1000), sizes, {}) == ({"small", "c", "big"}, ["f/a", "f/g/b", "huge"])
    chosen, left = within(Limits(3, 100, 1000), sizes, {"mine": 999})
    assert (chosen, left) == ({"mine", "f/a"}, ["big", "c", "f/g/b", "huge", "small"])


@given(
    st.dictionaries(st.text(), st.integers(0, 50)),
    st.dictionaries(st.text(), st.integers(0, 50)),
    st.integers(0, 9),
    st.integers(0, 100),
)
def test_the_limits_hold(sizes: dict[str, int], have: dict[str, int], files: int, total: int) -> None:
    chosen, left = within(Limits(files, 40, total), sizes, have)
    fetched = chosen - have.keys()
    assert chosen.isdisjoint(left)
    assert chosen | set(left) == sizes.keys() | have.keys()
    if fetched:
        assert len(chosen) <= files
        assert sum(sizes[name] for name in fetched) + sum(have.values()) <= total
        assert max(sizes[name] for name in fetched) <= 40
