"""Contents models of Jupyter Server, made from S3 objects.

The keys are those of jupyter_server.services.contents.handlers.validate_model.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Sequence
from typing import Any

from tornado.web import HTTPError

from s3_contents import paths
from s3_contents.objects import Object

HASH_ALGORITHM = "etag"
# S3 keeps no times of folders. Jupyter's clients show none for an empty text, and 1970 for the earliest time.
NO_TIME = ""
Model = dict[str, Any]


def file_type(path: str) -> str:
    """ "notebook" or "file", by the name."""
    return "notebook" if path.endswith(".ipynb") else "file"


def content_type(path: str) -> str:
    """The media type that an object gets on S3."""
    if path.endswith(".ipynb"):
        return "application/x-ipynb+json"
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def file_model(path: str, kind: str, item: Object, with_hash: bool = True, writable: bool = True) -> Model:
    """A file or notebook without its content, with the ETag as its hash."""
    return {
        "name": paths.split(path)[1],
        "path": path,
        "type": kind,
        "created": item.modified,
        "last_modified": item.modified,
        "size": item.size,
        "writable": writable,
        "mimetype": None if kind == "notebook" else mimetypes.guess_type(path)[0],
        "content": None,
        "format": None,
        "hash": item.etag if with_hash else None,
        "hash_algorithm": HASH_ALGORITHM if with_hash else None,
    }


def directory_model(path: str, children: Sequence[Model] | None = None, writable: bool = True) -> Model:
    """A folder, with or without the models of what is in it."""
    return {
        "name": paths.split(path)[1],
        "path": path,
        "type": "directory",
        "created": NO_TIME,
        "last_modified": NO_TIME,
        "size": None,
        "writable": writable,
        "mimetype": None,
        "content": None if children is None else list(children),
        "format": None if children is None else "json",
        "hash": None,
        "hash_algorithm": None,
    }


def check_input(path: str, model: Model) -> None:
    """HTTPError 400 if a client's model cannot be saved."""
    kind, content, chunk, base = (model.get(name) for name in ("type", "content", "chunk", "base_hash"))
    if kind is None:
        raise HTTPError(400, "No file type provided")
    if kind not in ("directory", "file", "notebook"):
        raise HTTPError(400, f"Unhandled contents type: {kind}")
    if chunk is not None and kind != "file":
        raise HTTPError(400, f'File type "{kind}" is not supported for large file transfer')
    if kind != "directory" and content is None:
        raise HTTPError(400, "No file content provided")
    if kind == "file" and not isinstance(content, str | bytes):
        raise HTTPError(400, f"The content for {path} is not text")
    if chunk is not None and (type(chunk) is not int or (chunk < 1 and chunk != -1)):
        raise HTTPError(400, f"The chunk for {path} is not 1, 2, ... or -1 for the last: {chunk!r}")
    if not isinstance(base, str | None):
        raise HTTPError(400, f"The base_hash for {path} is neither the hash of a version nor null")


def fill_file(model: Model, body: bytes, wanted: str | None) -> None:
    """Add a file's bytes to its model, as ``decoded``."""
    content, given = decoded(model["path"], body, wanted)
    model |= {"content": content, "format": given}
    if model["mimetype"] is None:
        model["mimetype"] = "text/plain" if given == "text" else "application/octet-stream"


def decoded(path: str, body: bytes, wanted: str | None) -> tuple[str, str]:
    """Content and format ("text" or "base64") of a file.

    Without a wanted format it is text if it is UTF-8. Raises HTTPError 400 for a wanted text that is none.
    """
    if wanted in (None, "text"):
        try:
            return body.decode("utf-8"), "text"
        except UnicodeDecodeError as error:
            if wanted == "text":
                raise HTTPError(400, f"{path} is not UTF-8 encoded", reason="bad format") from error
    return base64.encodebytes(body).decode("ascii"), "base64"


def encoded(path: str, content: str | bytes, given: str | None) -> bytes:
    """The bytes of a file's content, which are themselves (no client can send them in JSON), or text in a format.

    Raises HTTPError 400 for an unknown format or content that is not in it.
    """
    if isinstance(content, bytes):
        return content
    if given not in ("text", "base64"):
        raise HTTPError(400, "Must specify format of file contents as 'text' or 'base64'")
    try:
        if given == "text":
            return content.encode("utf-8")
        return base64.b64decode(content.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise HTTPError(400, f"Encoding error saving {path}: {error}") from error
