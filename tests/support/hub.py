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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from spark_notebooks_hub.config import hub_config
from spark_notebooks_hub.values import parse_values

from cluster.pki import KeyPair, issue
from dev.npm import modules
from dev.paths import REPOSITORY
from dev.ports import free_port
from tests.support.answering import wait_until_it_answers, wait_until_it_listens
from tests.unit.chart.matrix import EMBEDDED
from tests.unit.chart.rendering import Manifest, get, hub_values, merged, pod_spec, render

# What differs from the hub in the chart: where things listen, where they are kept, and how a server is started.
CONFIGURATION = """\
import json, os
from spark_notebooks_hub.config import hub_config
from spark_notebooks_hub.values import read_values
c = get_config()
c.merge(hub_config(read_values({values!r}), os.environ))
c.JupyterHub.bind_url = "{url}"
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.services, c.JupyterHub.load_roles = [], []
# After a sign-in nothing is started that the test has not asked for, and what it has ends with the hub.
c.JupyterHub.default_url = "/hub/home"
c.JupyterHub.cleanup_servers = True
c.JupyterHub.spawner_class = "jupyterhub.spawner.SimpleLocalProcessSpawner"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
c.Spawner.args = ["--allow-root"]
"""


@dataclass(frozen=True)
class Hub:
    """A hub that answers at `url`, which is the proxy's; with https, `ca` is whom to trust, and `redirecting` the URL for http."""

    url: str
    log: Path
    ca: Path | None = None
    redirecting: str = ""

    def browser(self) -> Browser:
        """Somebody who has not signed in yet."""
        return Browser(self)


class Browser:
    """A person's cookies and pages."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.session = requests.Session()
        # Variables of the machine that runs the tests would name other authorities, and proxies.
        self.session.trust_env = False
        self.session.verify = str(hub.ca) if hub.ca else True

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


def chart_values(values: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> list[Manifest]:
    """What the chart makes of values; `environment` has what the Secrets hold that hub.extraEnv names."""
    given = merged(EMBEDDED, dict(values))
    from_secrets = {name for name, value in given.get("hub", {}).get("extraEnv", {}).items() if isinstance(value, dict)}
    assert from_secrets == set(environment or {}), "Secrets that the test does not know"
    return render(given)


def authenticator(values: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Any:
    """The authenticator that the hub would have with these values, without a hub around it."""
    # The limit of wrong passwords asks a request where it comes from, and here there is none.
    unlimited = merged(dict(values), {"hub": {"loginLimit": {"enabled": False}}})
    keys = {"AWS_ACCESS_KEY_ID": "unused", "AWS_SECRET_ACCESS_KEY": "unused"}
    found = hub_config(parse_values(hub_values(chart_values(unlimited, environment))), keys)
    return found.JupyterHub.authenticator_class(config=found)


def proxy_command(manifests: list[Manifest], ports: Ports, folder: Path) -> list[Any]:
    """The chart's own command of the proxy, with addresses and files of this machine in it."""
    (container,) = pod_spec(get(manifests, "Deployment", "notebooks-spark-notebooks-proxy"))["containers"]
    encrypted = any(argument.startswith("--ssl-key") for argument in container["args"])
    here = {
        "--ip": "127.0.0.1",
        "--port": ports.proxy,
        "--api-ip": "127.0.0.1",
        "--api-port": ports.api,
        "--default-target": f"http://127.0.0.1:{ports.hub}",
        "--error-target": f"http://127.0.0.1:{ports.hub}/hub/error",
        "--ssl-cert": folder / "tls.crt",
        "--ssl-key": folder / "tls.key",
        "--redirect-port": ports.redirecting,
        "--redirect-to": ports.proxy,
    }
    program, *arguments = container["args"]
    names = [argument.partition("=")[0] for argument in arguments]
    assert set(here) - set(names) == (
        set() if encrypted else {name for name in here if "ssl" in name or "redirect" in name}
    )
    return [
        "node",
        modules("proxy", REPOSITORY / "proxy") / ".bin" / program,
        *(f"{name}={here[name]}" for name in names),
    ]


@dataclass(frozen=True)
class Ports:
    proxy: int = field(default_factory=free_port)
    api: int = field(default_factory=free_port)
    hub: int = field(default_factory=free_port)
    redirecting: int = field(default_factory=free_port)


@contextmanager
def running_hub(
    folder: Path,
    values: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
    ca: KeyPair | None = None,
) -> Iterator[Hub]:
    """The hub with these values of the chart, and `environment` for the variables that come from Secrets.

    With `ca` the proxy has a certificate of that authority, for 127.0.0.1.
    """
    folder.mkdir(exist_ok=True)
    manifests = chart_values(values, environment)
    ports = Ports(port) if port else Ports()
    url = f"{'https' if ca else 'http'}://127.0.0.1:{ports.proxy}"
    file, configuration, log = folder / "values.json", folder / "jupyterhub_config.py", folder / "hub.log"
    file.write_text(json.dumps(hub_values(manifests)))
    configuration.write_text(
        CONFIGURATION.format(values=str(file), url=url, hub=ports.hub, api=ports.api, folder=folder)
    )
    if ca:
        pair = issue(ca, "notebooks", hosts=["127.0.0.1"])
        for name, content in (("tls.crt", pair.certificate), ("tls.key", pair.key), ("ca.pem", ca.certificate)):
            (folder / name).write_bytes(content)
    variables = os.environ | {
        "PYTHONPATH": f"{REPOSITORY}/hub/src",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16),
        "JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32),
        "AWS_ACCESS_KEY_ID": "unused",
        "AWS_SECRET_ACCESS_KEY": "unused",
        **(environment or {}),
    }
    command = [sys.executable, "-m", "jupyterhub", f"--config={configuration}"]
    with (
        log.open("wb") as output,
        _process(proxy_command(manifests, ports, folder), variables, folder, output) as proxy,
        _process(command, variables, folder, output) as process,
    ):
        try:
            wait_until_it_answers(f"http://127.0.0.1:{ports.hub}/hub/health", process)
            wait_until_it_listens(ports.proxy, proxy)
        except AssertionError:
            raise AssertionError(log.read_text()) from None
        yield Hub(url, log, folder / "ca.pem" if ca else None, f"http://127.0.0.1:{ports.redirecting}" if ca else "")


@contextmanager
def _process(
    command: list[Any], environment: Mapping[str, str], folder: Path, output: Any
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            process.terminate()
