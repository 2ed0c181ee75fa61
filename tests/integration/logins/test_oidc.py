"""Sign-in with a real OpenID provider, by the values of the administrators' page."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dev.ports import free_port
from tests.integration.logins.conftest import PASSWORDS, page_values
from tests.support.hub import Browser, Hub, authenticator, running_hub
from tests.support.oidc import CLIENT_SECRET, KEYCLOAK, STANDARD, OidcProvider, oidc_provider

SECRET = {"OAUTH_CLIENT_SECRET": CLIENT_SECRET}


@dataclass(frozen=True)
class Place:
    hub: Hub
    provider: OidcProvider

    def signed_in(self, name: str) -> Browser:
        browser = self.hub.browser()
        browser.sign_in_at_provider(name, PASSWORDS[name])
        return browser


@pytest.fixture(scope="module", params=["OpenID Connect", "Keycloak"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A hub with the page's values, and a provider where ada may use notebooks, grace is of the platform's team, and mallory is in no group."""
    folder, port = tmp_path_factory.mktemp("hub"), free_port()
    kind = KEYCLOAK if request.param == "Keycloak" else STANDARD
    groups = {"ada": ["notebooks"], "grace": ["platform"], "mallory": []}
    people = {name: {"password": PASSWORDS[name], "groups": groups[name]} for name in groups}
    with oidc_provider(folder, people, f"http://127.0.0.1:{port}/hub/oauth_callback", kind) as provider:
        texts = {
            "https://login.example.org": provider.url,
            "https://notebooks.example.org": f"http://127.0.0.1:{port}",
        }
        with running_hub(folder, page_values(request.param, **texts), SECRET, port) as hub:
            yield Place(hub, provider)


def test_the_provider_signs_in_with_its_groups(place: Place) -> None:
    me = place.signed_in("ada").me()
    assert (me["name"], me["admin"], me["groups"]) == ("ada", False, ["notebooks"])


def test_a_wrong_password_stays_at_the_provider(place: Place) -> None:
    nobody = place.hub.browser()
    page = nobody.sign_in_at_provider("ada", "wrong")
    assert "Wrong name or password" in page.text
    assert page.url.startswith(place.provider.url)
    assert not nobody.me()


def test_who_is_in_no_group_is_told_so(place: Place) -> None:
    mallory = place.hub.browser()
    page = mallory.sign_in_at_provider("mallory", PASSWORDS["mallory"])
    assert page.status_code == 403
    assert "not currently authorized to use this hub" in page.text
    assert not mallory.me()


def test_a_claim_makes_administrators_for_as_long_as_people_have_it(place: Place) -> None:
    before = place.signed_in("grace")
    assert before.me()["admin"] is True
    assert before.get("/hub/admin").status_code == 200
    place.provider.set_groups("grace", ["notebooks"])
    try:
        after = place.signed_in("grace").me()
        assert (after["admin"], after["groups"]) == (False, ["notebooks"])
        assert before.get("/hub/admin").status_code == 403
    finally:
        place.provider.set_groups("grace", ["platform"])


def test_an_answer_that_the_hub_has_not_asked_for_signs_nobody_in(place: Place) -> None:
    ada, mallory = place.hub.browser(), place.hub.browser()
    ada.get("/hub/login")
    page = ada.get("/hub/oauth_login")
    answer = ada.session.post(
        page.url, data={"username": "ada", "password": PASSWORDS["ada"]}, allow_redirects=False, timeout=30
    )
    while "oauth_callback" not in answer.headers["Location"]:
        answer = ada.session.get(answer.headers["Location"], allow_redirects=False, timeout=30)
    stolen = answer.headers["Location"].removeprefix(place.hub.url)
    assert mallory.get(stolen).status_code in {400, 403}
    assert not mallory.me()


def test_signing_out_ends_the_session(place: Place) -> None:
    ada = place.signed_in("ada")
    assert ada.me()
    ada.get("/hub/logout")
    assert not ada.me()
    page = ada.get("/hub/home", allow_redirects=False)
    assert page.headers["Location"].startswith("/hub/login")


def test_github_would_be_asked_for_what_the_hub_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can sign in at GitHub in a test: these are the values as the authenticator understands them."""
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", CLIENT_SECRET)
    found = authenticator(page_values("GitHub", **{"…": "the-client"}), SECRET)
    assert found.authorize_url == "https://github.com/login/oauth/authorize"
    assert (found.client_id, found.client_secret) == ("the-client", CLIENT_SECRET)
    assert found.oauth_callback_url == "https://notebooks.example.org/hub/oauth_callback"
    assert found.scope == ["read:org"]
    assert found.allowed_organizations == {"example"}
    assert found.admin_users == {"ada"}
    assert found.allow_all is False
