"""HTTPS as the chart serves it: its own arguments on the real proxy, with a certificate of an authority of the test's own."""

from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest
import requests

from cluster.pki import KeyPair, authority
from tests.support.hub import Hub, running_hub

PASSWORD = "password-of-everybody"
VALUES = {
    "proxy": {"https": {"enabled": True, "secret": {"name": "notebooks-tls"}}},
    "hub": {
        "config": {
            "JupyterHub": {"authenticator_class": "shared-password"},
            "Authenticator": {"allow_all": True},
            "SharedPasswordAuthenticator": {"user_password": PASSWORD},
        }
    },
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, ca: KeyPair) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub"), VALUES, ca=ca) as found:
        yield found


def test_people_sign_in_and_their_cookies_never_go_over_http(hub: Hub) -> None:
    ada = hub.browser()
    answer = ada.sign_in("ada", PASSWORD, allow_redirects=False)
    assert answer.status_code == 302
    assert ada.me()["name"] == "ada"
    given = SimpleCookie()
    for header in answer.raw.headers.getlist("Set-Cookie"):
        given.load(header)
    assert {"jupyterhub-hub-login", "jupyterhub-session-id", "_xsrf"} <= set(given)
    assert all(cookie["secure"] and cookie["samesite"] == "Lax" for cookie in given.values())


def test_http_is_redirected_to_the_same_page(hub: Hub) -> None:
    answer = requests.get(f"{hub.redirecting}/hub/login?next=%2Fhub%2Fhome", allow_redirects=False, timeout=30)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"{hub.url}/hub/login?next=%2Fhub%2Fhome"
    assert "Set-Cookie" not in answer.headers
    followed = hub.browser().session.get(f"{hub.redirecting}/hub/login", timeout=30)
    assert followed.ok
    assert followed.url == f"{hub.url}/hub/login"


def test_a_certificate_of_somebody_else_is_not_taken(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "ca.pem"
    other.write_bytes(authority().certificate)
    with pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"):
        requests.get(f"{hub.url}/hub/login", verify=str(other), timeout=30)


def test_the_https_port_speaks_no_http(hub: Hub) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"{hub.url}/hub/login".replace("https://", "http://"), timeout=30)
