"""How many executors there should be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spark_session.control.demand import Bounds, Decision, History, Load, Work, decide, here_over

BOUNDS = Bounds(least=1, most=10, slots=2, idle_seconds=60)


def executors(*active: int) -> tuple[Work, ...]:
    return tuple(Work(str(number), count, 5) for number, count in enumerate(active, 1))


def after(load: Load, history: History, bounds: Bounds = BOUNDS, seconds: int = 0) -> Decision:
    """The decision when a load stays as it is for some seconds, looked at each second."""
    decision = decide(load, bounds, history)
    for second in range(1, seconds + 1):
        decision = decide(replace(load, now=load.now + second), bounds, decision.history)
    return decision


def test_a_backlog_of_a_moment_changes_nothing() -> None:
    assert after(Load(0, 20, 2, executors(2)), History(1)).target == 1


def test_tasks_that_wait_get_the_executors_they_need_and_no_more() -> None:
    assert after(Load(0, 5, 2, executors(2)), History(1), seconds=1).target == 4  # 7 tasks, two in each


def test_there_are_never_more_than_the_most() -> None:
    assert after(Load(0, 1000, 2, executors(2)), History(1), seconds=5).target == 10


def test_a_session_without_executors_gets_them_when_there_is_work() -> None:
    none = replace(BOUNDS, least=0)
    assert after(Load(0, 3, 0, ()), History(0), none, seconds=2).target == 2
    assert after(Load(0, 0, 0, ()), History(0), none, seconds=100).target == 0


def test_executors_on_their_way_are_not_asked_for_twice() -> None:
    assert after(Load(0, 6, 2, executors(2)), History(4), seconds=30).target == 4


def test_who_has_nothing_to_do_for_long_goes_and_the_others_stay() -> None:
    load = Load(0, 0, 2, executors(0, 2, 0))
    assert after(load, History(3), seconds=59).remove == ()
    gone = after(load, History(3), seconds=60)
    assert gone.remove == ("1", "3")
    assert gone.target == 1


def test_the_least_stay_with_nothing_to_do() -> None:
    gone = after(Load(0, 0, 0, executors(0, 0, 0)), History(3), replace(BOUNDS, least=2), seconds=200)
    assert gone.target == 2
    gone = after(Load(0, 0, 0, executors(0, 0)), History(2), replace(BOUNDS, least=2), seconds=200)
    assert gone.remove == ()


def test_nobody_goes_while_tasks_wait() -> None:
    assert after(Load(0, 4, 2, executors(2, 0)), History(2), seconds=300).remove == ()


def test_tasks_too_short_to_be_seen_count_as_work() -> None:
    decision = decide(Load(0, 0, 0, executors(0, 0)), BOUNDS, History(2))
    for second in range(1, 200):
        busy = (Work("1", 0, 5), Work("2", 0, 5 + second))
        decision = decide(Load(second, 0, 0, busy), BOUNDS, decision.history)
        assert decision.remove in ((), ("1",))
        if decision.remove:
            break
    assert decision.remove == ("1",)


def test_what_was_asked_for_and_never_came_is_given_up() -> None:
    assert after(Load(0, 0, 1, executors(1)), History(8), seconds=59).target == 8
    assert after(Load(0, 0, 1, executors(1)), History(8), seconds=60).target == 1


def test_a_lower_most_sends_the_least_busy_away_at_once() -> None:
    decision = decide(Load(0, 50, 5, executors(2, 1, 2)), replace(BOUNDS, most=2), History(3))
    assert (decision.target, decision.remove) == (2, ("2",))


def test_of_those_with_as_much_to_do_the_youngest_goes() -> None:
    assert here_over(executors(0, 0, 0), 2) == ("3",)
    assert here_over(executors(0, 0, 0), 5) == ()
    assert here_over(executors(0, 1, 0), 0) == ("3", "1", "2")


@given(
    waiting=st.integers(0, 500),
    active=st.lists(st.integers(0, 2), max_size=12),
    least=st.integers(0, 10),
    more=st.integers(0, 10),
    target=st.integers(0, 30),
    seconds=st.integers(0, 130),
)
def test_always_within_the_bounds(
    *, waiting: int, active: list[int], least: int, more: int, target: int, seconds: int
) -> None:
    bounds = Bounds(least, least + more, 2, 60)
    load = Load(0, waiting, sum(active), executors(*active))
    decision = after(load, History(target), bounds, seconds)
    assert least <= decision.target <= least + more
    assert len(set(decision.remove)) == len(decision.remove)
    assert len(active) - len(decision.remove) >= min(len(active), least)


@pytest.mark.parametrize("idle_seconds", [0.0, 1.0])
def test_an_impatient_person_gets_what_they_ask_for(idle_seconds: float) -> None:
    bounds = replace(BOUNDS, idle_seconds=idle_seconds)
    assert after(Load(0, 0, 0, executors(0, 0)), History(2), bounds, seconds=1).remove
