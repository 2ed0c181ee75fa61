"""What the addresses below ``<base_url>/s3-contents/api/`` have in common, and the one that tells of the S3 server."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from s3_contents import paths
from s3_contents.reader import S3ContentsReader

ROOT = "s3-contents/api"


class ContentsHandler(APIHandler):
    """A handler for those who may use the contents API."""

    auth_resource = "contents"

    @property
    def manager(self) -> S3ContentsReader:
        """The contents manager in use."""
        manager: S3ContentsReader = self.contents_manager
        return manager

    def path_argument(self) -> str:
        """The query's ``path``; HTTPError 404 for the home and shared folders themselves, and for what is hidden."""
        path = paths.canonical(self.get_query_argument("path"))
        if self.manager.mounts.is_point(path) or (paths.is_hidden(path) and not self.manager.allow_hidden):
            raise HTTPError(404, f"No such file: {path}")
        return path


class ProgressHandler(ContentsHandler):
    """How far the moving of a folder is."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{"path", "done", "total"}``, in files, for the ``path`` of the query: that of a folder which is being renamed, or moved into the trash.

        ``total`` is null where nothing is being moved, or it is not known yet how much.
        """
        path = self.path_argument()
        done, total = self.manager.ongoing.get(path) or (0, None)
        self.finish({"path": path, "done": done, "total": total})


class StoreHandler(ContentsHandler):
    """What the S3 server can do."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{"url", "checked", "error", "supports": {...}, "notes": [...], "folders": [{"path", "url", "writable"}, ...]}``.

        ``checked`` is the time of the look (ISO 8601), null before it; ``error`` why there was none yet. Each of ``supports`` is "yes",
        "no", "refused" or "unknown"; ``notes`` say what follows from what is missing. ``folders`` are the home, whose path is "", the
        shared ones, and the folder that those are in, which has no url.
        """
        store, mounts = self.manager.store, self.manager.mounts
        folders = [
            {"path": each.path, "url": store.url(each.home.prefix), "writable": each.writable} for each in mounts
        ]
        if mounts.shares:
            folders.append({"path": mounts.folder, "url": None, "writable": False})
        self.finish(self.manager.store_check.as_json() | {"folders": folders})
