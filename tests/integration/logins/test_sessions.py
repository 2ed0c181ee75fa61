"""What a session is, what ends it, and what stands before it: cookies, forms of other sites, guessed passwords, tokens."""

import time
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie

import pytest
import requests

from tests.support.hub import Browser, Hub, message, running_hub

PASSWORD, ADMIN_PASSWORD = "password-of-everybody", "password-of-the-administrator-alone"
SESSION_SECONDS = 15
VALUES = {
    "hub": {
        "config": {
            "JupyterHub": {"authenticator_class": "shared-password", "cookie_max_age_days": SESSION_SECONDS / 86400},
            "Authenticator": {"allow_all": True, "admin_users": ["root"]},
            "SharedPasswordAuthenticator": {"user_password": PASSWORD, "admin_password": ADMIN_PASSWORD},
            # A small server of JupyterHub's own tests.
            "Spawner": {"cmd": ["python", "-m", "jupyterhub.tests.mocksu"]},
        },
        "loginLimit": {
            "attempts": 3,
            "attemptsPerName": 6,
            "attemptsPerAddress": 10,
            "trustedProxies": ["127.0.0.0/8", "::1/128"],
        },
    }
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub"), VALUES) as found:
        yield found


@pytest.fixture(scope="module")
def first(hub: Hub) -> tuple[Browser, float]:
    """Somebody who has signed in before all other tests, and when."""
    browser = hub.browser()
    browser.sign_in("first", PASSWORD, allow_redirects=False)
    assert browser.me()
    return browser, time.monotonic()


def try_to_sign_in(hub: Hub, name: str, password: str, address: str) -> requests.Response:
    browser = hub.browser()
    browser.session.headers["X-Forwarded-For"] = address
    return browser.sign_in(name, password, allow_redirects=False)


def test_wrong_passwords_make_a_guesser_wait(hub: Hub, first: object) -> None:
    for _ in range(3):
        assert message(try_to_sign_in(hub, "ada", "guess", "192.0.2.1")) == "Invalid username or password"
    refused = try_to_sign_in(hub, "ADA ", PASSWORD, "192.0.2.1")
    assert refused.status_code == 429, "not even the right one is looked at"
    assert message(refused) == "Too many wrong passwords. Wait 1 second, and then try again."
    assert refused.headers["Retry-After"] == "1"
    assert try_to_sign_in(hub, "grace", PASSWORD, "192.0.2.1").status_code == 302
    assert try_to_sign_in(hub, "ada", PASSWORD, "192.0.2.2").status_code == 302
    end = time.monotonic() + 20
    while try_to_sign_in(hub, "ada", PASSWORD, "192.0.2.1").status_code != 302:
        assert time.monotonic() < end, "the wait does not end"
        time.sleep(0.2)


def test_an_address_that_is_written_by_the_guesser_is_not_believed(hub: Hub) -> None:
    """The last address that is no proxy's counts, whatever stands before it."""
    for number in range(3):
        try_to_sign_in(hub, "heidi", "guess", f"203.0.113.{number}, 192.0.2.50")
    assert try_to_sign_in(hub, "heidi", PASSWORD, "203.0.113.99, 192.0.2.50").status_code == 429


def test_guesses_from_everywhere_do_not_keep_the_person_out(hub: Hub) -> None:
    assert try_to_sign_in(hub, "ivan", PASSWORD, "192.0.2.60").status_code == 302
    for number in range(6):
        assert try_to_sign_in(hub, "ivan", "guess", f"198.51.100.{number}").status_code == 403
    assert try_to_sign_in(hub, "ivan", "guess", "198.51.100.99").status_code == 429
    assert try_to_sign_in(hub, "ivan", PASSWORD, "192.0.2.60").status_code == 302


def test_one_guess_at_each_name_makes_the_address_wait(hub: Hub) -> None:
    for number in range(10):
        assert try_to_sign_in(hub, f"person-{number}", "guess", "192.0.2.70").status_code == 403
    assert try_to_sign_in(hub, "judy", PASSWORD, "192.0.2.70").status_code == 429
    assert try_to_sign_in(hub, "judy", PASSWORD, "192.0.2.71").status_code == 302


def test_what_was_refused_is_told_to_administrators_without_a_password(hub: Hub) -> None:
    admin = hub.browser()
    admin.sign_in("root", ADMIN_PASSWORD, allow_redirects=False)
    metrics = admin.get("/hub/metrics").text
    refused = [line for line in metrics.splitlines() if line.startswith("spark_notebooks_login_refused_total")]
    assert {line.split('"')[1] for line in refused} == {"person", "name", "address"}
    log = hub.log.read_text()
    assert "Not looked at the password for 'ada' from 192.0.2.1: too many wrong ones by person" in log
    assert "guess" not in log
    assert PASSWORD not in log
    assert ADMIN_PASSWORD not in log


def cookies(answer: requests.Response) -> SimpleCookie:
    found = SimpleCookie()
    for header in answer.raw.headers.getlist("Set-Cookie"):
        found.load(header)
    return found


@pytest.mark.parametrize("https", [False, True])
def test_cookies_are_out_of_reach_of_scripts_and_other_sites(hub: Hub, https: bool) -> None:
    browser = hub.browser()
    page = browser.get("/hub/login")
    form = {"username": "ada", "password": PASSWORD, "_xsrf": browser.xsrf}
    # Tornado reads it in place of X-Forwarded-Proto, which the proxy of this test, without a certificate, would write itself.
    headers = {"X-Scheme": "https"} if https else {}
    answer = browser.session.post(f"{hub.url}/hub/login", data=form, headers=headers, allow_redirects=False, timeout=30)
    given = cookies(answer)
    assert {"jupyterhub-hub-login", "jupyterhub-session-id", "_xsrf"} <= set(given)
    for name, cookie in given.items():
        assert cookie["samesite"] == "Lax"
        if name != "_xsrf":  # pages read it, to prove that a request comes from them
            assert cookie["httponly"]
            assert bool(cookie["secure"]) is https
    assert cookies(page)["_xsrf"]["samesite"] == "Lax"


@pytest.mark.parametrize("xsrf", [None, "", "forged"])
def test_a_form_of_another_site_signs_nobody_in(hub: Hub, xsrf: str | None) -> None:
    browser = hub.browser()
    browser.get("/hub/login")
    form = {"username": "ada", "password": PASSWORD} | ({} if xsrf is None else {"_xsrf": xsrf})
    answer = browser.session.post(f"{hub.url}/hub/login", data=form, allow_redirects=False, timeout=30)
    assert answer.status_code == 403
    assert not browser.me()


@pytest.mark.parametrize("path", ["/hub/spawn", "/hub/api/users/ada/server", "/hub/api/users/ada/tokens"])
def test_a_request_of_another_site_does_nothing_for_who_is_signed_in(hub: Hub, path: str) -> None:
    ada = hub.browser()
    ada.sign_in("ada", PASSWORD, allow_redirects=False)
    answer = ada.session.post(hub.url + path, json={}, allow_redirects=False, timeout=30)
    assert answer.status_code == 403
    assert not ada.me()["servers"]


def call(hub: Hub, token: str, method: str, path: str) -> requests.Response:
    headers = {"Authorization": f"token {token}"}
    return requests.request(method, f"{hub.url}/hub/api{path}", headers=headers, timeout=30)


def token_of(hub: Hub, name: str) -> str:
    browser = hub.browser()
    browser.sign_in(name, PASSWORD, allow_redirects=False)
    answer = browser.session.post(
        f"{hub.url}/hub/api/users/{name}/tokens", json={}, headers={"X-XSRFToken": browser.xsrf}, timeout=30
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def test_a_token_starts_and_stops_the_own_server_alone(hub: Hub) -> None:
    ada, grace = token_of(hub, "ada"), token_of(hub, "grace")

    def until(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, hub.log.read_text()
            time.sleep(0.1)

    def server(token: str, name: str) -> dict[str, object]:
        servers: dict[str, dict[str, object]] = call(hub, token, "GET", f"/users/{name}").json()["servers"]
        return servers.get("", {})

    assert call(hub, ada, "POST", "/users/ada/server").status_code in {201, 202}
    until(lambda: bool(server(ada, "ada").get("ready")))
    for method, path in [
        *(("GET", "/users/ada"), ("DELETE", "/users/ada/server"), ("POST", "/users/ada/server")),
        *(("POST", "/users/ada/tokens"), ("GET", "/users/ada/tokens"), ("DELETE", "/users/ada"), ("GET", "/users")),
        *(("POST", "/users/mallory"), ("GET", "/proxy"), ("POST", "/shutdown"), ("GET", "/groups")),
    ]:
        refused = call(hub, grace, method, path)
        assert refused.status_code in {403, 404}, f"{method} {path}: {refused.status_code} {refused.text}"
    assert server(ada, "ada").get("ready"), "it runs on"
    assert call(hub, ada, "POST", "/users/grace/server").status_code in {403, 404}
    assert not server(grace, "grace")
    assert call(hub, ada, "DELETE", "/users/ada/server").status_code in {202, 204}
    until(lambda: not server(ada, "ada"))


@pytest.mark.long
def test_a_session_ends_by_itself(hub: Hub, first: tuple[Browser, float]) -> None:
    browser, since = first
    end = since + 2 * SESSION_SECONDS + 10
    while browser.me():
        assert time.monotonic() < end, "the session goes on"
        time.sleep(0.2)
    assert time.monotonic() >= since + SESSION_SECONDS - 1
    assert browser.get("/hub/home").url.startswith(f"{hub.url}/hub/login")
