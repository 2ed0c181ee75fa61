"""The Jupyter server extension: the history of files, where this package's contents manager is the one in use."""

from __future__ import annotations

from typing import Any

from jupyter_server.utils import url_path_join

from s3_contents.history_handlers import ROOT, HistoryHandler, VersionHandler
from s3_contents.reader import S3ContentsReader


def _load_jupyter_server_extension(app: Any) -> None:
    if not isinstance(app.contents_manager, S3ContentsReader):
        app.log.info("The files are not on S3, so that they have no history.")
        return
    root = url_path_join(app.web_app.settings["base_url"], ROOT)
    app.web_app.add_handlers(".*$", [(f"{root}/history", HistoryHandler), (f"{root}/version", VersionHandler)])
