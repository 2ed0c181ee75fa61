"""The Jupyter server extension."""

from __future__ import annotations

import re
import secrets

from jupyter_server.serverapp import ServerApp

from spark_ui.handlers import ProxyHandler, SessionsHandler
from spark_ui.paths import ROOT, SESSION_ID, route
from spark_ui.reverse_proxy import client
from spark_ui.sessions import Sessions


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "spark_ui"}]


def _load_jupyter_server_extension(serverapp: ServerApp) -> None:
    base_url = serverapp.base_url
    pattern = re.escape(base_url)
    # New with each server, and told by the list of sessions only.
    key = secrets.token_urlsafe(18)
    shared = client()
    serverapp.web_app.add_handlers(
        ".*$",
        [
            (rf"{pattern}{ROOT}/api/sessions", SessionsHandler, {"listing": Sessions(shared, base_url, key)}),
            (route(pattern, SESSION_ID), ProxyHandler, {"client": shared, "key": key}),
        ],
    )
