"""Who waits for the next password, and who does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spark_notebooks_hub.login_limit import Limits, LoginLimit, client_address, same_name, spoken

HOME, OFFICE, EVIL = "192.0.2.1", "192.0.2.2", "198.51.100.9"
LIMITS = Limits(attempts=3, attempts_per_name=6, attempts_per_address=10, max_wait=60)


def wrong(limit: LoginLimit, name: str, address: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        assert limit.begin(name, address, now) is None


def seconds(limit: LoginLimit, name: str, address: str, now: float = 0.0) -> float:
    """The wait that is left, without an attempt of its own where there is none."""
    refusal = limit.begin(name, address, now)
    if refusal is None:
        limit.not_looked_at(name, address)
        return 0.0
    return refusal.seconds


def test_the_wait_doubles_up_to_the_longest() -> None:
    limit, now, waits = LoginLimit(LIMITS), 0.0, []
    wrong(limit, "ada", HOME, 2)
    for _ in range(9):
        wrong(limit, "ada", HOME, 1, now)
        waits.append(seconds(limit, "ada", HOME, now))
        now += waits[-1]
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60], rel=0.2)


def test_a_refused_attempt_makes_the_wait_no_longer() -> None:
    limit = LoginLimit(LIMITS)
    wrong(limit, "ada", HOME, 3)
    for _ in range(100):
        assert seconds(limit, "ada", HOME, 0.5) == 0.5
    assert seconds(limit, "ada", HOME, 1.0) == 0


def test_attempts_that_are_some_seconds_apart_are_in_a_row() -> None:
    limit = LoginLimit(LIMITS)
    for now in (0.0, 10.0, 20.0):
        wrong(limit, "ada", HOME, 1, now)
    assert seconds(limit, "ada", HOME, 20.5) == 0.5


def test_a_thousand_attempts_at_once_are_a_thousand() -> None:
    limit = LoginLimit(LIMITS)
    assert [limit.begin("ada", HOME, 0.0) is None for _ in range(1000)].count(True) == LIMITS.attempts


def test_a_guesser_holds_up_neither_the_person_elsewhere_nor_others_beside_it() -> None:
    limit = LoginLimit(LIMITS)
    wrong(limit, "ada", EVIL, 3)
    assert seconds(limit, "ada", EVIL) > 0
    assert seconds(limit, "ada", HOME) == 0
    assert seconds(limit, "grace", EVIL) == 0


def test_guesses_from_everywhere_hold_up_the_name_but_where_the_person_is_known() -> None:
    limit = LoginLimit(LIMITS)
    wrong(limit, "ada", HOME, 1)
    limit.succeeded("ada", HOME)
    for number in range(6):
        wrong(limit, "ada", f"198.51.100.{number}", 1)
    refusal = limit.begin("ada", "198.51.100.77", 0.0)
    assert refusal is not None
    assert refusal.by == "name"
    assert seconds(limit, "ada", HOME) == 0
    assert seconds(limit, "grace", "198.51.100.77") == 0


def test_one_password_for_all_names_holds_up_the_address_but_for_whom_it_knows() -> None:
    limit = LoginLimit(LIMITS)
    wrong(limit, "ada", OFFICE, 1)
    limit.succeeded("ada", OFFICE)
    for number in range(10):
        wrong(limit, f"person-{number}", OFFICE, 1)
    refusal = limit.begin("somebody", OFFICE, 0.0)
    assert refusal is not None
    assert refusal.by == "address"
    assert seconds(limit, "ada", OFFICE) == 0
    assert seconds(limit, "somebody", HOME) == 0


def test_the_right_password_forgets_the_wrong_ones_of_that_person_alone() -> None:
    limit = LoginLimit(LIMITS)
    for name in [f"person-{number}" for number in range(9)] + ["mallory"]:
        wrong(limit, name, EVIL, 1)
    limit.succeeded("mallory", EVIL)
    wrong(limit, "grace", EVIL, 1)
    assert seconds(limit, "heidi", EVIL) > 0, "an account of one's own gives no further guesses at others'"
    limit = LoginLimit(LIMITS)
    wrong(limit, "ada", HOME, 2)
    limit.succeeded("ada", HOME)
    wrong(limit, "ada", HOME, 2)
    assert seconds(limit, "ada", HOME) == 0


def test_what_nobody_could_check_does_not_count() -> None:
    limit = LoginLimit(LIMITS)
    for _ in range(100):
        assert limit.begin("ada", HOME, 0.0) is None
        limit.not_looked_at("ada", HOME)


def test_wrong_passwords_are_forgotten_with_time() -> None:
    limit = LoginLimit(LIMITS)
    wrong(limit, "ada", HOME, 3)
    wrong(limit, "ada", HOME, 3, now=3600.0)
    assert seconds(limit, "ada", HOME, 3600.0) > 0


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3), st.booleans()), max_size=200))
def test_memory_is_bounded(attempts: list[tuple[str, str, bool]]) -> None:
    limit = LoginLimit(LIMITS, capacity=5)
    for now, (name, address, right) in enumerate(attempts):
        if limit.begin(name, address, float(now)) is None and right:
            limit.succeeded(name, address)
        assert len(limit) <= 4 * 5


@pytest.mark.parametrize("name", ["ADA", " ada ", "ａｄａ", "Ada\u3000"])
def test_other_ways_to_write_a_name_are_no_further_guesses(name: str) -> None:
    assert same_name(name) == "ada"


def test_a_name_without_end_takes_no_memory() -> None:
    assert len(same_name("x" * 1_000_000)) == 255


@pytest.mark.parametrize(
    ("forwarded", "trusted", "expected"),
    [
        (None, [], "10.0.0.1"),
        ("192.0.2.1", [], "192.0.2.1"),
        ("203.0.113.5, 192.0.2.1", [], "192.0.2.1"),
        ("203.0.113.5, 192.0.2.1,10.42.0.7", ["10.42.0.0/16"], "192.0.2.1"),
        ("10.42.0.6,10.42.0.7", ["10.42.0.0/16"], "10.42.0.6"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("203.0.113.5,::ffff:10.42.0.7", ["10.42.0.0/16"], "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::99,10.42.0.7", ["10.42.0.0/16", "fd00::/8"], "2001:db8:1:2::/64"),
        ("192.0.2.1:50123,10.42.0.7", ["10.42.0.0/16"], "192.0.2.1"),
        ("[2001:db8::1]:443", [], "2001:db8::/64"),
        ("not-an-address", [], "unknown"),
    ],
)
def test_where_a_request_comes_from(forwarded: str | None, trusted: list[str], expected: str) -> None:
    assert client_address(forwarded, "10.0.0.1", trusted) == expected


@pytest.mark.parametrize(
    ("wait", "words"),
    [(0.2, "1 second"), (1.5, "2 seconds"), (59.5, "1 minute"), (61, "2 minutes"), (900, "15 minutes")],
)
def test_waits_are_said_as_people_say_them(wait: float, words: str) -> None:
    assert spoken(wait) == words
