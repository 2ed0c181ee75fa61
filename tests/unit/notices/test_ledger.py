"""What was told already."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from spark_notebooks_hub.notices.ledger import KEY, Ledger, ledger

from tests.unit.notices.objects import BEGAN, stamp

MINUTE = timedelta(minutes=1)


def config_map(**data: str) -> dict[str, Any]:
    return {"metadata": {"name": "n", "creationTimestamp": stamp(BEGAN)}, **({"data": data} if data else {})}


def again(kept: Ledger) -> Ledger:
    return ledger(config_map(**{KEY: kept.to_text()}))


def test_of_a_new_one_all_is_settled_that_ended_before_it_was_made() -> None:
    kept = ledger(config_map())
    assert kept.is_settled("a", BEGAN - MINUTE)
    assert not kept.is_settled("a", BEGAN)


@pytest.mark.parametrize("known", [lambda kept: kept, again], ids=["at once", "after a restart"])
def test_what_is_settled_stays_so(known: Any) -> None:
    kept = Ledger(BEGAN)
    kept.settle("a", BEGAN + MINUTE)
    kept.settle("b", BEGAN + MINUTE, "webhook")
    kept = known(kept)
    assert kept.is_settled("a", BEGAN + MINUTE)
    assert kept.is_settled("a", BEGAN + MINUTE, "email")
    assert kept.is_settled("b", BEGAN + MINUTE, "webhook")
    assert not kept.is_settled("b", BEGAN + MINUTE, "email")
    assert not kept.is_settled("b", BEGAN + MINUTE)
    assert not kept.is_settled("c", BEGAN + MINUTE)


def test_it_moves_on_and_forgets_what_lies_before() -> None:
    kept = Ledger(BEGAN)
    for number in range(100):
        kept.settle(str(number), BEGAN + number * MINUTE)
    long = len(kept.to_text())
    kept.advance(BEGAN + 99 * MINUTE)
    assert len(again(kept).to_text()) < long / 20
    assert kept.is_settled("50", BEGAN + 50 * MINUTE)
    assert kept.is_settled("99", BEGAN + 99 * MINUTE)
    assert not kept.is_settled("another", BEGAN + 99 * MINUTE)


def test_it_never_moves_back() -> None:
    kept = Ledger(BEGAN)
    kept.advance(BEGAN - MINUTE)
    assert kept.since == BEGAN


def test_an_end_of_the_same_second_is_not_passed_over() -> None:
    kept, ended = Ledger(BEGAN), BEGAN + MINUTE
    kept.advance(ended + timedelta(milliseconds=900))
    assert not kept.is_settled("a", ended)


def test_one_end_that_is_settled_on_all_channels_takes_one_entry() -> None:
    kept = Ledger(BEGAN)
    for channel in ("webhook", "email", ""):
        kept.settle("a", BEGAN, channel)
    assert kept.to_text().count('"a') == 1


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"since": "yesterday", "settled": {}}', '{"since": null}'])
def test_what_was_not_written_by_it_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(ValueError, match="Take its data away"):
        ledger(config_map(**{KEY: text}))


def test_times_are_read_as_they_were_written() -> None:
    kept = again(Ledger(datetime.fromisoformat("2026-11-21T17:30:00+01:00")))
    assert kept.since == BEGAN
