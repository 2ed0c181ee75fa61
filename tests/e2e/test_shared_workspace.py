"""A workspace that two people share and choose on the page before a start: a real browser, hub and cluster. The tests run in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dev.platform import evaluation_values
from tests.e2e import lab
from tests.e2e.conftest import Running, Visitor, visit
from tests.e2e.storage import Store

pytestmark = pytest.mark.long

MEMBERS = ("ida", "jon")
STRANGER = "kim"
WORKSPACE = {"name": "Flights", "groups": ["pilots"], "prefix": "teams/flights", "quota": {"pods": 6}}
SAVE = """async ([path, content]) => {
  const token = document.cookie.match(/_xsrf=([^;]+)/)[1];
  const body = JSON.stringify({type: 'file', format: 'text', content});
  return (await fetch(path, {method: 'PUT', headers: {'X-XSRFToken': token}, body})).status;
}"""


@pytest.fixture(scope="module")
def sharing(running: Running) -> Iterator[Running]:
    values = evaluation_values(running.images, running.accounts)
    values["hub"]["config"]["JupyterHub"]["load_groups"] = {"pilots": {"users": list(MEMBERS)}}
    running.platform.install(values | {"tenancy": {"workspaces": [WORKSPACE]}})
    yield running
    running.platform.install(evaluation_values(running.images, running.accounts))


@pytest.fixture(scope="module")
def people(browser: Browser, sharing: Running, artifacts: Path) -> Iterator[dict[str, Visitor]]:
    """Two members and somebody else, signed in."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(visit(browser, sharing, artifacts, name)) for name in (*MEMBERS, STRANGER)}
        for visitor in found.values():
            visitor.sign_in()
        yield found
        for visitor in found.values():
            lab.stop_instance(visitor)


def start_in_team(visitor: Visitor, already_chosen: bool, screenshot: str) -> None:
    visitor.open("/hub/home")
    visitor.page.click("#start")
    question = visitor.page.get_by_label("Workspace")
    expect(question).to_have_value("Flights" if already_chosen else "")
    question.select_option("Flights")
    visitor.screenshot(screenshot)
    visitor.page.get_by_role("button", name="Start", exact=True).click()
    lab.wait_for_lab(visitor.page)


def test_what_one_member_saves_the_other_one_sees(people: dict[str, Visitor], sharing: Running) -> None:
    ida, jon = (people[name] for name in MEMBERS)
    start_in_team(ida, False, "30-choice-of-workspace")
    assert ida.page.evaluate(SAVE, ["/user/ida/api/contents/plan.txt", "JFK to LAX"]) == 201
    start_in_team(jon, False, "30-choice-of-workspace")
    assert "plan.txt" in lab.file_names(jon.page)
    jon.screenshot("31-shared-workspace")
    with Store.of(sharing.platform) as store:
        teams = Store(store.client, prefix="teams")
        assert teams.read("flights", "plan.txt") == b"JFK to LAX"
        assert store.keys("ida", "plan.txt") == []


def test_the_choice_is_kept_and_ones_own_is_as_it_was(people: dict[str, Visitor]) -> None:
    ida, _ = (people[name] for name in MEMBERS)
    lab.stop_instance(ida)
    start_in_team(ida, True, "32-choice-is-kept")
    assert "plan.txt" in lab.file_names(ida.page)
    lab.stop_instance(ida)
    ida.open("/hub/home")
    ida.page.click("#start")
    ida.page.get_by_label("Workspace").select_option(label="My own")
    ida.page.get_by_role("button", name="Start", exact=True).click()
    lab.wait_for_lab(ida.page)
    assert "plan.txt" not in lab.file_names(ida.page)


def test_who_is_no_member_is_not_asked_and_sees_nothing(people: dict[str, Visitor]) -> None:
    stranger = people[STRANGER]
    lab.start_instance(stranger)
    assert "plan.txt" not in lab.file_names(stranger.page)
