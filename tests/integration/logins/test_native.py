"""Sign-in with the hub's own names and passwords, by the values of the administrators' page."""

from collections.abc import Iterator

import pytest

from tests.integration.logins.conftest import page_values
from tests.support.hub import Browser, Hub, message, running_hub

PASSWORD = "a long password of somebody"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    values = page_values("Names and passwords of the hub's own")
    with running_hub(tmp_path_factory.mktemp("hub"), values) as found:
        yield found


def sign_up(hub: Hub, name: str, password: str = PASSWORD) -> Browser:
    person = hub.browser()
    fields = {"username": name, "signup_password": password, "signup_password_confirmation": password, "email": ""}
    assert person.submit("/hub/signup", fields).ok
    return person


def test_an_administrator_lets_people_in(hub: Hub) -> None:
    admin = sign_up(hub, "ada")
    assert admin.sign_in("ada", PASSWORD, allow_redirects=False).status_code == 302
    assert admin.me()["admin"] is True

    grace = sign_up(hub, "grace")
    page = grace.sign_in("grace", PASSWORD)
    assert page.status_code == 403
    assert "waits for an administrator" in message(page)
    assert not grace.me()

    assert "grace" in admin.get("/hub/authorize").text
    assert admin.get("/hub/authorize/grace").ok
    assert grace.sign_in("grace", PASSWORD, allow_redirects=False).status_code == 302
    assert (grace.me()["name"], grace.me()["admin"]) == ("grace", False)
    assert grace.get("/hub/authorize").status_code == 403
    assert grace.get("/hub/admin").status_code == 403

    wrong = hub.browser().sign_in("grace", "another")
    assert (wrong.status_code, message(wrong)) == (403, "Invalid username or password")

    grace.get("/hub/logout")
    assert not grace.me()


def test_the_login_page_leads_to_the_form_for_an_account(hub: Hub) -> None:
    assert 'href="/hub/signup"' in hub.browser().get("/hub/login").text


def test_short_passwords_make_no_account(hub: Hub) -> None:
    person = sign_up(hub, "short", "short")
    assert message(person.sign_in("short", "short")) == "Invalid username or password"
