"""What the Jupyter server answers below `<base_url>/spark-ui/`."""

from __future__ import annotations

import hmac
import os
from importlib.resources import files

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.httpclient import HTTPClientError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import authenticated

from spark_ui import pages, sessions
from spark_ui.paths import Prefix
from spark_ui.reverse_proxy import Upstream, pass_on

# Every page of Spark loads this script.
ADDITIONS = {"/static/webui.js": files("spark_ui").joinpath("xsrf.js").read_text(encoding="utf-8")}


class ProxyHandler(JupyterHandler):
    """The UI of a running session."""

    auth_resource = "spark_ui"

    def initialize(self, client: SimpleAsyncHTTPClient, key: str) -> None:
        """Take what all requests share."""
        self._client = client
        self._key = key

    def check_xsrf_cookie(self) -> None:
        """Let Spark's own scripts and styles be loaded by anyone who is signed in, and hold everything else to the server's checks.

        A browser loads modules and their imports without any header of ours, and these files are the same for everyone.
        """
        if self.request.method in {"GET", "HEAD"} and "/static/" in self.request.path:
            return
        super().check_xsrf_cookie()

    @authenticated
    @authorized
    async def get(self, key: str | None, target: str, path: str | None) -> None:
        """Pass the request on to Spark."""
        await self._pass_on(key, target, path)

    @authenticated
    @authorized
    async def head(self, key: str | None, target: str, path: str | None) -> None:
        """Pass the request on to Spark."""
        await self._pass_on(key, target, path)

    @authenticated
    @authorized
    async def post(self, key: str | None, target: str, path: str | None) -> None:
        """Pass the request on to Spark, which ends jobs and stages that way."""
        await self._pass_on(key, target, path)

    async def upstream(self, target: str) -> Upstream | pages.Notice:
        """Where the target listens, or why it does not."""
        record = sessions.find(os.environ, target)
        if record is None:
            return pages.no_session(target)
        if record.ui_port is None:
            return pages.no_ui(record.name)
        return Upstream(record.ui_port, ADDITIONS)

    async def _pass_on(self, key: str | None, target: str, path: str | None) -> None:
        if key is not None and not hmac.compare_digest(key.encode(), self._key.encode()):
            self._show(404, pages.wrong_key())
            return
        prefix = Prefix(self.base_url, target, key)
        if path is None:
            query = f"?{self.request.query}" if self.request.query else ""
            self.redirect(f"{prefix}/{query}")
            return
        # Scripts read the token of the server's checks from a cookie; asking for it sets that.
        _ = self.xsrf_token
        upstream = await self.upstream(target)
        if isinstance(upstream, pages.Notice):
            self._show(503 if upstream.reload else 404, upstream)
            return
        body = self.request.body if self.request.method == "POST" else None
        try:
            await pass_on(self, self._client, prefix, upstream, body)
        except (OSError, HTTPClientError) as error:
            self._show(502, pages.no_answer(str(error)))

    def _show(self, status: int, notice: pages.Notice) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(pages.render(notice))


class SessionsHandler(APIHandler):
    """The list of sessions, for programs."""

    auth_resource = "spark_ui"

    def initialize(self, listing: sessions.Sessions) -> None:
        """Take what all requests share."""
        self._sessions = listing

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer {"sessions": [...]} (see sessions.Session)."""
        self.finish({"sessions": [session.as_json() for session in await self._sessions.list()]})
