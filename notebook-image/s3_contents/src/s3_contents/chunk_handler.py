"""The pieces of a large file as they are, at ``<base_url>/s3-contents/api/chunk``: what the contents API takes as base64 in JSON costs a server three times the work."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado.web import HTTPError, authenticated

from s3_contents.handlers import ContentsHandler


class ChunkHandler(ContentsHandler):
    """Takes chunks of an upload that has begun, and will end, through the contents API."""

    @authenticated
    @authorized
    async def put(self) -> None:
        """Take the body as chunk ``number`` (2, 3, ...) of the file at ``path``; 204, or 400 where it does not follow the one before."""
        number = self.get_query_argument("number")
        if not number.isdecimal() or int(number) < 2:
            raise HTTPError(400, f"The number of a chunk between the first and the last is 2, 3, ..., not {number!r}.")
        await self.manager.save(
            {"type": "file", "chunk": int(number), "content": self.request.body}, self.path_argument()
        )
        self.set_status(204)
        self.finish()
