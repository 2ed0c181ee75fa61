"""A Jupyter server extension that tells how long the server's event loop was held up; runs in the environments of all contents managers."""

import asyncio
import time

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

TICK = 0.002  # seconds
_longest = 0.0


class LoopHandler(JupyterHandler):
    """GET: the longest hold-up in seconds since the last GET."""

    @authenticated
    async def get(self):
        global _longest  # noqa: PLW0603
        # What holds the loop up at this very moment is told by the next turn.
        await asyncio.sleep(2 * TICK)
        self.finish({"longest": _longest})
        _longest = 0.0


async def _watch():
    global _longest  # noqa: PLW0603
    while True:
        begin = time.monotonic()
        await asyncio.sleep(TICK)
        _longest = max(_longest, time.monotonic() - begin - TICK)


def _jupyter_server_extension_points():
    return [{"module": "loop_watch"}]


def _load_jupyter_server_extension(app):
    app.web_app.add_handlers(".*$", [(url_path_join(app.web_app.settings["base_url"], "loop-watch"), LoopHandler)])


async def _start_jupyter_server_extension(app):
    app.web_app.settings["loop_watch"] = asyncio.create_task(_watch())
