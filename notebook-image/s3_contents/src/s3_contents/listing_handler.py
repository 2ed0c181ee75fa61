"""The contents API, with long listings sent piece by piece: to write one of 10,000 files as one text holds up all others for a tenth of a second."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from jupyter_client.jsonutil import json_default
from jupyter_server.services.contents.handlers import ContentsHandler
from tornado.iostream import StreamClosedError

from s3_contents.models import Model

PIECE = 500  # files and folders


class ListingHandler(ContentsHandler):
    """Jupyter Server's own, but for the way in which it sends the content of a large folder."""

    _long: Model | None = None

    async def get(self, path: str = "") -> None:
        """Answer with the model of a file or folder."""
        await super().get(path)
        if self._long is not None:
            # Who asked may be gone before the end.
            with suppress(StreamClosedError):
                await self._send(self._long)

    def _finish_model(self, model: Model, location: bool = True) -> None:
        if model["type"] == "directory" and len(model["content"] or ()) > PIECE:
            self._long = model
        else:
            super()._finish_model(model, location)

    async def _send(self, model: Model) -> None:
        children = model["content"]
        self.set_header("Last-Modified", model["last_modified"])
        self.set_header("Content-Type", "application/json")
        about = {name: value for name, value in model.items() if name != "content"}
        self.write(_json(about).removesuffix("}") + ', "content": [')
        for first in range(0, len(children), PIECE):
            self.write((", " if first else "") + _json(children[first : first + PIECE])[1:-1])
            await self.flush()
            # A client that reads fast has had all of it by now, and then waiting for it lets nobody else in.
            await asyncio.sleep(0)
        self.finish("]}")


def _json(value: Any) -> str:
    return json.dumps(value, default=json_default)
