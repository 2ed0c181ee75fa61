"""A real OpenID provider for tests: node's oidc-provider, with people of our own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dev.npm import modules
from dev.ports import free_port
from tests.support.answering import wait_until_it_answers

SOURCE = Path(__file__).parent / "oidc_provider"
CLIENT_ID = "spark-notebooks"
CLIENT_SECRET = "secret-of-the-client-at-the-provider"


@dataclass(frozen=True)
class Kind:
    """Where a kind of provider has what the hub asks, and for which scope it tells which claims."""

    routes: Mapping[str, str]
    claims: Mapping[str, list[str]]


STANDARD = Kind(
    {"authorization": "/authorize", "token": "/token", "userinfo": "/userinfo"},
    {"profile": ["preferred_username"], "groups": ["groups"]},
)
_REALM = "/realms/research/protocol/openid-connect"
# A mapper of the client tells groups without a scope of their own.
KEYCLOAK = Kind(
    {"authorization": f"{_REALM}/auth", "token": f"{_REALM}/token", "userinfo": f"{_REALM}/userinfo"},
    {"profile": ["preferred_username", "groups"]},
)


@dataclass
class OidcProvider:
    """A provider that runs, and its people: {name: {"password": ..., "groups": [...]}}."""

    url: str
    _file: Path
    _settings: dict[str, Any] = field(repr=False)

    def set_groups(self, name: str, groups: list[str]) -> None:
        """What the next sign-in tells of this person."""
        self._settings["people"][name]["groups"] = groups
        self._file.write_text(json.dumps(self._settings))


@contextmanager
def oidc_provider(
    folder: Path, people: Mapping[str, Mapping[str, Any]], redirect: str, kind: Kind
) -> Iterator[OidcProvider]:
    """A provider on a free port of the loopback interface, which sends people back to `redirect`."""
    port = free_port()
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uris": [redirect]}
    settings = {"port": port, "client": client, **asdict(kind), "people": json.loads(json.dumps(people))}
    file = folder / "oidc.json"
    file.write_text(json.dumps(settings))
    command = ["node", SOURCE / "provider.mjs", file, modules("oidc-provider", SOURCE)]
    with (folder / "oidc.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/ready", process)
            yield OidcProvider(f"http://127.0.0.1:{port}", file, settings)
        finally:
            process.terminate()
