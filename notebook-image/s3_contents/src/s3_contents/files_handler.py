"""Downloads: /files/<path>, streamed from S3."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, authenticated

from s3_contents import paths
from s3_contents.errors import ConflictError, NotFoundError, NotModifiedError, RangeNotSatisfiableError, translated
from s3_contents.objects import Object
from s3_contents.reader import S3ContentsReader

CHUNK = 2**20
# One range; a request for several is answered with the whole file, as RFC 9110 allows.
_RANGE = re.compile(r"bytes=(\d+-\d*|-\d+)")
_ETAG = re.compile(r'"[^"]*"')


class S3FilesHandler(JupyterHandler):
    """Serves a file without keeping it in memory or on the disk of the server.

    Supports one Range, If-Range, If-None-Match, HEAD and ``?download=1``.
    """

    auth_resource = "contents"

    @property
    def manager(self) -> S3ContentsReader:
        """The contents manager whose files are served."""
        manager: S3ContentsReader = self.contents_manager
        return manager

    @property
    def content_security_policy(self) -> str:
        """Scripts in a served HTML or SVG file run in an origin of their own, and cannot act for the user."""
        return f"{super().content_security_policy}; sandbox allow-scripts"

    @authenticated
    @authorized
    async def head(self, path: str) -> None:
        """The headers of a file; one S3 request."""
        key = self._key(path)
        with _not_found(path):
            self._describe(path, await self.manager.store.head(key))

    @authenticated
    @authorized
    async def get(self, path: str) -> None:
        """A file or a range of it; one S3 request."""
        # A page of another site must not be able to read a file by embedding it.
        self.check_xsrf_cookie()
        key = self._key(path)
        conditions = self._conditions()
        try:
            await self._send(path, key, conditions)
        except ConflictError:
            # If-Range: the file has changed since the client got its first part.
            await self._send(path, key, {})
        except NotModifiedError:
            self.set_status(304)
        except RangeNotSatisfiableError:
            self.set_status(416)

    async def _send(self, path: str, key: str, conditions: dict[str, str]) -> None:
        store = self.manager.store
        with _not_found(path):
            async with store.open(key, **conditions) as opened:
                self._describe(path, opened.item)
                if opened.range is not None:
                    self.set_status(206)
                    self.set_header("Content-Range", opened.range)
                with suppress(StreamClosedError), translated("read", store.url(key)):
                    async for chunk in opened.body.iter_chunks(CHUNK):
                        self.write(chunk)
                        await self.flush()

    def _key(self, path: str) -> str:
        path = paths.canonical(path)
        if self.manager.mounts.is_point(path) or (paths.is_hidden(path) and not self.manager.allow_hidden):
            raise HTTPError(404, f"No such file: {path}")
        return self.manager.mounts.at(path).key(path)

    def _conditions(self) -> dict[str, str]:
        headers = self.request.headers
        known = headers.get("If-None-Match", "")
        conditions = {"IfNoneMatch": known} if _ETAG.fullmatch(known) else {}
        wanted, expected = headers.get("Range", ""), headers.get("If-Range")
        if _RANGE.fullmatch(wanted) and (expected is None or _ETAG.fullmatch(expected)):
            conditions["Range"] = wanted
            if expected is not None:
                conditions["IfMatch"] = expected
        return conditions

    def _describe(self, path: str, item: Object) -> None:
        name = paths.split(paths.canonical(path))[1]
        if self.get_argument("download", ""):
            self.set_attachment_header(name)
        self.set_header("Content-Type", _media_type(name))
        self.set_header("Content-Length", str(item.size))
        self.set_header("Etag", f'"{item.etag}"')
        self.set_header("Last-Modified", item.modified)
        self.set_header("Accept-Ranges", "bytes")
        # The browser asks each time whether its copy is still the present one.
        self.set_header("Cache-Control", "private, no-cache")

    def compute_etag(self) -> str | None:
        """None: the ETag is that of the object, not of what Tornado has in its buffer."""
        return None


@contextmanager
def _not_found(path: str) -> Iterator[None]:
    try:
        yield
    except NotFoundError:
        raise HTTPError(404, f"No such file: {path}") from None


def _media_type(name: str) -> str:
    if name.lower().endswith(".ipynb"):
        return "application/x-ipynb+json"
    media_type, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    if media_type == "text/plain":
        return "text/plain; charset=UTF-8"
    return media_type or "application/octet-stream"
