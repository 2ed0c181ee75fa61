"""A directory and the page's values for the sign-in tests."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster.pki import KeyPair, authority
from dev.paths import REPOSITORY
from tests.support.ldap import Ldap, ldap_server

PAGE = REPOSITORY / "docs" / "admins" / "logins.md"
PASSWORDS = {name: f"password-of-{name}" for name in ("ada", "grace", "mallory")}


def page_values(heading: str, **replacements: str) -> dict[str, Any]:
    """The values that the page shows below this heading, with other texts for some of it.

    Indented text (a certificate) takes the place of the whole certificate.
    """
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert section, f"no chapter {heading}"
    block = re.search(r"```yaml\n(.*?)```", section[1], re.DOTALL)
    assert block, f"no values below {heading}"
    values: dict[str, Any] = yaml.safe_load(block[1])
    return _replaced(values, replacements)


def _replaced(value: Any, replacements: dict[str, str]) -> Any:
    match value:
        case dict():
            return {key: _replaced(inner, replacements) for key, inner in value.items()}
        case list():
            return [_replaced(inner, replacements) for inner in value]
        case str():
            for old, new in replacements.items():
                value = value.replace(old, new)
            return value
        case _:
            return value


@pytest.fixture(scope="session")
def ca() -> KeyPair:
    """The authority that has signed the directory's certificate."""
    return authority()


@pytest.fixture(scope="session")
def ldap(tmp_path_factory: pytest.TempPathFactory, ca: KeyPair) -> Iterator[Ldap]:
    """A directory where ada may use notebooks, grace is of the platform's team, and mallory is in no group."""
    with ldap_server(tmp_path_factory.mktemp("ldap"), ca) as server:
        for name, password in PASSWORDS.items():
            server.add_person(name, password)
        for group, members in (("notebooks", ["ada"]), ("platform", ["grace"])):
            server.add_group(group)
            server.set_members(group, members)
        yield server
