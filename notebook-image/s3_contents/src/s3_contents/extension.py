"""The Jupyter server extension, where this package's contents manager is the one in use: the history of files, and the look at the S3 server."""

from __future__ import annotations

from typing import Any

from jupyter_server.utils import url_path_join

from s3_contents.handlers import ROOT, StoreHandler
from s3_contents.history_handlers import HistoryHandler, VersionHandler
from s3_contents.reader import S3ContentsReader


def _load_jupyter_server_extension(app: Any) -> None:
    if not isinstance(app.contents_manager, S3ContentsReader):
        app.log.info("The files are not on S3, so that they have no history.")
        return
    root = url_path_join(app.web_app.settings["base_url"], ROOT)
    handlers = [("history", HistoryHandler), ("version", VersionHandler), ("store", StoreHandler)]
    app.web_app.add_handlers(".*$", [(f"{root}/{name}", handler) for name, handler in handlers])


async def _start_jupyter_server_extension(app: Any) -> None:
    manager = app.contents_manager
    if isinstance(manager, S3ContentsReader) and manager.probe_at_start:
        manager.store_check.start()
