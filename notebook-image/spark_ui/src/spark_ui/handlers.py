"""What the Jupyter server answers below `<base_url>/spark-ui/`."""

from __future__ import annotations

import hmac
import os
from collections.abc import Awaitable, Callable
from importlib.resources import files

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.httpclient import HTTPClientError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import HTTPError, authenticated

from spark_ui import pages, sessions, stopping
from spark_ui.headers import content_security_policy
from spark_ui.history_server import HistoryServer
from spark_ui.paths import Prefix
from spark_ui.reverse_proxy import Upstream, pass_on

Find = Callable[[str], Awaitable[Upstream | pages.Notice]]
STOP_SECONDS = 20.0
# Every page of Spark loads this script.
ADDITIONS = {"/static/webui.js": files("spark_ui").joinpath("xsrf.js").read_text(encoding="utf-8")}


async def find_session(session_id: str) -> Upstream | pages.Notice:
    """Where the UI of a session listens. Only the records of this user lead to a port."""
    record = sessions.find(os.environ, session_id)
    if record is None:
        return pages.no_session(session_id)
    if record.ui_port is None:
        return pages.no_ui(record.name)
    return Upstream(record.ui_port, ADDITIONS)


def find_history(history: HistoryServer) -> Find:
    """Where the history server listens; it is started if it does not."""

    async def find(_target: str) -> Upstream | pages.Notice:
        port = await history.port()
        return port if isinstance(port, pages.Notice) else Upstream(port, ADDITIONS)

    return find


class ProxyHandler(JupyterHandler):
    """The UI of a running session, or the history server."""

    auth_resource = "spark_ui"

    def initialize(self, client: SimpleAsyncHTTPClient, key: str, find: Find) -> None:
        """Take what all requests share; `find` tells where a target listens, or why it does not."""
        self._find = find
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

    async def _pass_on(self, key: str | None, target: str, path: str | None) -> None:
        if key is not None and not hmac.compare_digest(key.encode(), self._key.encode()):
            self._show(404, pages.wrong_key(), framed=False)
            return
        prefix = Prefix(self.base_url, target, key)
        if path is None:
            query = f"?{self.request.query}" if self.request.query else ""
            self.redirect(f"{prefix}/{query}")
            return
        # Scripts read the token of the server's checks from a cookie; asking for it sets that.
        _ = self.xsrf_token
        upstream = await self._find(target)
        if isinstance(upstream, pages.Notice):
            self._show(202 if upstream.reload else 404, upstream, framed=key is not None)
            return
        body = self.request.body if self.request.method == "POST" else None
        try:
            await pass_on(self, self._client, prefix, upstream, body)
        except (OSError, HTTPClientError) as error:
            self._show(502, pages.no_answer(str(error)), framed=key is not None)

    def _show(self, status: int, notice: pages.Notice, *, framed: bool) -> None:
        self.set_status(status)
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        self.set_header("Content-Security-Policy", content_security_policy(policy, framed=framed))
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
        """Answer {"sessions": [...], "past": ...} (see sessions.Session and sessions.Sessions.past)."""
        listed = [session.as_json() for session in await self._sessions.list()]
        self.finish({"sessions": listed, "past": self._sessions.past})


class SessionHandler(APIHandler):
    """One session, for programs."""

    auth_resource = "spark_ui"

    @authenticated
    @authorized
    async def delete(self, session_id: str) -> None:
        """Stop the session; 204 when it has stopped."""
        record = sessions.find(os.environ, session_id)
        if record is None:
            notice = pages.no_session(session_id)
            raise HTTPError(404, f"{notice.what} {notice.why}")
        if not await stopping.stop(record, STOP_SECONDS):
            raise HTTPError(
                504, f"The session {record.name} did not stop. Restart its kernel, which ends it for certain."
            )
        self.set_status(204)
        self.finish()
