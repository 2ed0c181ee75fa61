"""The real hub in a process of its own, behind the real proxy, configured by values of the chart. There is no Kubernetes: nothing but a spawn asks for it."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from dev.npm import modules
from dev.paths import REPOSITORY, cache_folder
from dev.ports import free_port
from tests.support.answering import wait_until_it_answers
from tests.unit.chart.matrix import EMBEDDED
from tests.unit.chart.rendering import hub_values, merged, render

# What differs from the hub in the chart: where things listen, where they are kept, and how a server is started.
CONFIGURATION = """\
import json, os
from spark_notebooks_hub.config import hub_config
from spark_notebooks_hub.values import read_values
c = get_config()
c.merge(hub_config(read_values({values!r}), os.environ))
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.services, c.JupyterHub.load_roles = [], []
c.JupyterHub.spawner_class = "jupyterhub.spawner.SimpleLocalProcessSpawner"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
c.Spawner.args = ["--allow-root"]
"""


@dataclass(frozen=True)
class Hub:
    """A hub that answers at `url`, which is the proxy's."""

    url: str
    log: Path

    def browser(self) -> Browser:
        """Somebody who has not signed in yet."""
        return Browser(self)


class Browser:
    """A person's cookies and pages."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.session = requests.Session()

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.hub.url + path, timeout=30, **options)

    def submit(self, path: str, fields: Mapping[str, str], **options: Any) -> requests.Response:
        """Opens the page and sends its form."""
        self.get(path)
        return self.session.post(self.hub.url + path, data={"_xsrf": self.xsrf, **fields}, timeout=30, **options)

    @property
    def xsrf(self) -> str:
        """The proof that a form comes from a page of the hub; empty before the first one."""
        found = (cookie.value for cookie in self.session.cookies if (cookie.name, cookie.path) == ("_xsrf", "/hub/"))
        return next(found, None) or ""

    def sign_in(self, name: str, password: str, **options: Any) -> requests.Response:
        """By the hub's own form."""
        return self.submit("/hub/login", {"username": name, "password": password}, **options)

    def sign_in_at_provider(self, name: str, password: str) -> requests.Response:
        """By the button of the login page, and the form of the provider."""
        page = self.get("/hub/oauth_login")
        return self.session.post(page.url, data={"username": name, "password": password}, timeout=30)

    def me(self) -> dict[str, Any]:
        """What the hub knows of who is signed in; nothing where nobody is."""
        answer = self.get("/hub/api/user", headers={"X-XSRFToken": self.xsrf, "Sec-Fetch-Mode": "cors"})
        return answer.json() if answer.ok else {}


def message(page: requests.Response) -> str:
    """What the login page, or an error's page, tells."""
    found = re.search(r'class="login_error">\s*(.*?)\s*</p>', page.text, re.DOTALL) or re.search(
        r'<div class="error">(.*?)</div>', page.text, re.DOTALL
    )
    assert found, page.text
    return re.sub(r"\s*<[^>]*>\s*", " ", found[1]).strip()


def chart_values(values: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> tuple[Any, dict[str, str]]:
    """What the chart makes of values: the file that the hub reads, and the variables of hub.extraEnv, with `environment` for those of Secrets."""
    given = merged(EMBEDDED, dict(values))
    from_secrets = {name for name, value in given.get("hub", {}).get("extraEnv", {}).items() if isinstance(value, dict)}
    assert from_secrets == set(environment or {}), "Secrets that the test does not know"
    return hub_values(render(given)), dict(environment or {})


@contextmanager
def running_hub(
    folder: Path, values: Mapping[str, Any], environment: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[Hub]:
    """The hub with these values of the chart, and `environment` for the variables that come from Secrets."""
    folder.mkdir(exist_ok=True)
    made, extra = chart_values(values, environment)
    port, hub, api = port or free_port(), free_port(), free_port()
    file, configuration, log = folder / "values.json", folder / "jupyterhub_config.py", folder / "hub.log"
    file.write_text(json.dumps(made))
    configuration.write_text(CONFIGURATION.format(values=str(file), port=port, hub=hub, api=api, folder=folder))
    variables = os.environ | {
        "PYTHONPATH": f"{REPOSITORY}/hub/src",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        # Half of a hub's start would be to compile what it imports.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(cache_folder() / "bytecode"),
        "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16),
        "JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32),
        "AWS_ACCESS_KEY_ID": "unused",
        "AWS_SECRET_ACCESS_KEY": "unused",
        **extra,
    }
    proxy = [
        *("node", modules("proxy", REPOSITORY / "proxy") / ".bin" / "configurable-http-proxy"),
        *("--ip=127.0.0.1", f"--port={port}", "--api-ip=127.0.0.1", f"--api-port={api}"),
        *(f"--default-target=http://127.0.0.1:{hub}", f"--error-target=http://127.0.0.1:{hub}/hub/error"),
    ]
    with log.open("wb") as output, _process(proxy, variables, folder, output) as proxy_process:
        wait_until_it_answers(f"http://127.0.0.1:{port}/_chp_healthz", proxy_process)
        command = [sys.executable, "-m", "jupyterhub", f"--config={configuration}"]
        with _process(command, variables, folder, output) as process:
            try:
                wait_until_it_answers(f"http://127.0.0.1:{hub}/hub/health", process)
            except AssertionError:
                raise AssertionError(log.read_text()) from None
            yield Hub(f"http://127.0.0.1:{port}", log)


@contextmanager
def _process(
    command: list[Any], environment: Mapping[str, str], folder: Path, output: Any
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            process.terminate()
