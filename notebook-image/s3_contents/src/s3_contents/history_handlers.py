"""The history of files over HTTP, for JupyterLab: below ``<base_url>/s3-contents/api/``."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import HTTPError, authenticated

from s3_contents.handlers import ContentsHandler
from s3_contents.history import Cursor, Entry, Place
from s3_contents.mounts import Mount

PAGE = 50
MAX_PAGE = 1000


class HistoryHandler(ContentsHandler):
    """The versions of a file."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer ``{"versions": [...], "next": ..., "kept": "versions" or "checkpoints"}``, newest first.

        Of the query, ``path`` names the file, ``limit`` (50) how many versions at most, and ``after`` is the ``next`` of the page before.
        A version has an ``id`` (null for a deletion), the ``path`` that the file had then, ``time`` (ISO 8601), ``size`` in bytes, ``hash``,
        and ``latest``.
        """
        path, limit = self.path_argument(), self._limit()
        after = self.get_query_argument("after", None)
        cursor = Cursor.parse(after) if after else None
        mount = self.manager.mounts.at(path)
        entries, following = await mount.history.page(mount.within(path), limit, cursor)
        kept = "versions"
        if not entries and cursor is None:
            kept, entries = "checkpoints", await mount.history.checkpoints(mount.within(path))
        versions = [_as_json(entry, mount) for entry in entries]
        self.finish({"versions": versions, "next": following.token() if following else None, "kept": kept})

    def _limit(self) -> int:
        text = self.get_query_argument("limit", str(PAGE))
        if not text.isdecimal() or not 1 <= int(text) <= MAX_PAGE:
            raise HTTPError(400, f"The limit is a number from 1 to {MAX_PAGE}, not {text!r}.")
        return int(text)

    @authenticated
    @authorized
    async def post(self) -> None:
        """Make the version ``{"id": ...}`` of the body the present one of ``path``; 204."""
        path = self.path_argument()
        place = Place.parse(str((self.get_json_body() or {}).get("id")))
        mount = self.manager.mounts.to_change(path)
        await mount.history.restore(mount.within(path), place)
        self.manager.emit(data={"action": "save", "path": path})
        self.set_status(204)
        self.finish()


class VersionHandler(ContentsHandler):
    """One version of a file."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer the contents model of version ``id`` of ``path``; ``type`` and ``format`` are those of Jupyter's contents API."""
        path = self.path_argument()
        place = Place.parse(self.get_query_argument("id"))
        kind, wanted = self.get_query_argument("type", None), self.get_query_argument("format", None)
        if kind not in (None, "file", "notebook") or wanted not in (None, "text", "base64", "json"):
            raise HTTPError(400, f"A version is a file or a notebook, as text or base64, not {kind!r} as {wanted!r}.")
        model = await self.manager.get_version(path, place, kind, wanted)
        self.finish({name: _text_of_time(value) for name, value in model.items()})


def _as_json(entry: Entry, mount: Mount) -> dict[str, Any]:
    return {
        "id": entry.place.token() if entry.place else None,
        "path": mount.outside(entry.path),
        "time": entry.time.isoformat(),
        "size": entry.size,
        "hash": entry.hash,
        "latest": entry.is_latest,
    }


def _text_of_time(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
