"""Sign-in with OpenLDAP, by the values of the administrators' page."""

from collections.abc import Iterator
from typing import Any

import pytest
from tornado.web import HTTPError

from cluster.pki import KeyPair, authority
from tests.integration.logins.conftest import PASSWORDS, page_values
from tests.support.hub import Hub, authenticator, message, running_hub
from tests.support.ldap import READER_PASSWORD, Ldap
from tests.unit.chart.rendering import merged

PLACEHOLDER = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"


def values(heading: str, ldap: Ldap, ca: KeyPair) -> dict[str, Any]:
    texts = {"ldap.example.org": "localhost", PLACEHOLDER: ca.certificate.decode(), "…": READER_PASSWORD}
    return merged(page_values(heading, **texts), {"hub": {"config": {"LDAPAuthenticator": {"server_port": ldap.port}}}})


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, ldap: Ldap, ca: KeyPair) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub"), values("LDAP", ldap, ca)) as found:
        yield found


def test_the_right_password_signs_in_with_the_groups_of_the_directory(hub: Hub) -> None:
    ada = hub.browser()
    page = ada.sign_in("ada", PASSWORDS["ada"], allow_redirects=False)
    assert page.status_code == 302
    me = ada.me()
    assert (me["name"], me["admin"], me["groups"]) == ("ada", False, ["notebooks"])


@pytest.mark.parametrize("password", ["wrong", "", "*", PASSWORDS["grace"]])
def test_a_wrong_password_does_not(hub: Hub, password: str) -> None:
    nobody = hub.browser()
    page = nobody.sign_in("ada", password)
    assert page.status_code == 403
    assert message(page) == "Invalid username or password"
    assert not nobody.me()


@pytest.mark.parametrize("name", ["*", "ada)(uid=*", "ada,ou=people", "nobody"])
def test_names_that_are_nobodys_do_not(hub: Hub, name: str) -> None:
    nobody = hub.browser()
    assert message(nobody.sign_in(name, PASSWORDS["ada"])) == "Invalid username or password"
    assert not nobody.me()


def test_who_is_in_no_group_is_told_that_it_is_not_the_password(hub: Hub) -> None:
    mallory = hub.browser()
    page = mallory.sign_in("mallory", PASSWORDS["mallory"])
    assert page.status_code == 403
    assert "password are right" in message(page)
    assert "Ask your administrator" in message(page)
    assert not mallory.me()


def test_a_group_makes_administrators_for_as_long_as_people_are_in_it(hub: Hub, ldap: Ldap) -> None:
    grace = hub.browser()
    grace.sign_in("grace", PASSWORDS["grace"], allow_redirects=False)
    assert grace.me()["admin"] is True
    assert grace.me()["groups"] == ["platform"]
    assert grace.get("/hub/admin").status_code == 200
    ldap.set_members("platform", [])
    ldap.set_members("notebooks", ["ada", "grace"])
    try:
        again = hub.browser()
        again.sign_in("grace", PASSWORDS["grace"], allow_redirects=False)
        assert again.me()["admin"] is False
        assert again.me()["groups"] == ["notebooks"]
        assert grace.get("/hub/admin").status_code == 403, "the session from before is no administrator's either"
    finally:
        ldap.set_members("platform", ["grace"])
        ldap.set_members("notebooks", ["ada"])


def test_signing_out_ends_the_session(hub: Hub) -> None:
    ada = hub.browser()
    ada.sign_in("ada", PASSWORDS["ada"], allow_redirects=False)
    assert ada.me()
    assert ada.get("/hub/logout").url == f"{hub.url}/hub/login"
    assert not ada.me()
    assert ada.get("/hub/home").url.startswith(f"{hub.url}/hub/login")


async def test_a_name_that_is_looked_up_first(ldap: Ldap, ca: KeyPair) -> None:
    found = authenticator(values("Active Directory", ldap, ca))

    async def signed_in(name: str, password: str) -> Any:
        return await found.get_authenticated_user(None, {"username": name, "password": password})

    assert (await signed_in("ada", PASSWORDS["ada"]))["name"] == "ada"
    assert await signed_in("ada", "wrong") is None
    assert await signed_in("ada)(uid=*", PASSWORDS["ada"]) is None
    with pytest.raises(HTTPError, match="password are right"):
        await signed_in("mallory", PASSWORDS["mallory"])


async def test_a_server_with_a_certificate_of_somebody_else_is_told_no_password(
    ldap: Ldap, caplog: pytest.LogCaptureFixture
) -> None:
    found = authenticator(values("LDAP", ldap, authority()))
    with pytest.raises(HTTPError, match="could not be asked"):
        await found.get_authenticated_user(None, {"username": "ada", "password": PASSWORDS["ada"]})
    assert "certificate verify failed" in caplog.text
    assert PASSWORDS["ada"] not in caplog.text
