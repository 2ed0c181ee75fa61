"""Notebooks as bytes, and the store of their signatures. All of it is slow for large notebooks: run it in a thread."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import nbformat
from nbformat.sign import NotebookNotary, SQLiteSignatureStore
from tornado.web import HTTPError
from traitlets import default


def parsed(path: str, body: bytes) -> tuple[Any, dict[str, Any]]:
    """The notebook in format 4, and nbformat's validation error if there is one (key "ValidationError").

    Raises HTTPError 400 if the bytes are no notebook.
    """
    invalid: dict[str, Any] = {}
    try:
        return nbformat.reads(body.decode("utf-8"), as_version=4, capture_validation_error=invalid), invalid
    except Exception as error:  # nbformat raises whatever a damaged notebook makes it stumble over
        raise HTTPError(400, f"Unreadable Notebook: {path} {error!r}", reason="bad notebook") from error


def from_content(path: str, content: Any) -> Any:
    """The notebook in a contents model. Raises HTTPError 400 if there is none in it."""
    notebook = nbformat.from_dict(content)
    if not isinstance(notebook, nbformat.NotebookNode) or "nbformat" not in notebook:
        raise HTTPError(400, f"The content for {path} is not a notebook", reason="bad notebook")
    return notebook


def serialized(path: str, notebook: Any) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a notebook, and nbformat's validation error if there is one. Raises HTTPError 400 as ``parsed``."""
    invalid: dict[str, Any] = {}
    try:
        text = nbformat.writes(notebook, version=nbformat.NO_CONVERT, capture_validation_error=invalid)
        return (text if text.endswith("\n") else f"{text}\n").encode(), invalid
    except Exception as error:  # as above
        raise HTTPError(400, f"{path} cannot be saved as a notebook: {error!r}", reason="bad notebook") from error


class SharedSignatureStore(SQLiteSignatureStore):
    """nbformat's database of trusted notebooks, usable from any thread: by one at a time."""

    def __init__(self, db_file: str, **kwargs: Any) -> None:
        super().__init__(db_file, **kwargs)
        self.close()
        kinds = sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES
        self.db: sqlite3.Connection = sqlite3.connect(self.db_file, detect_types=kinds, check_same_thread=False)
        self.init_db(self.db)
        self._lock = threading.RLock()

    def store_signature(self, digest: str, algorithm: str) -> None:
        with self._lock:
            super().store_signature(digest, algorithm)

    def check_signature(self, digest: str, algorithm: str) -> bool:
        with self._lock:
            return bool(super().check_signature(digest, algorithm))

    def remove_signature(self, digest: str, algorithm: str) -> None:
        with self._lock:
            super().remove_signature(digest, algorithm)


class Notary(NotebookNotary):
    """nbformat's judge of trusted notebooks, usable from any thread."""

    @default("store_factory")
    def _default_store_factory(self) -> Callable[[], SharedSignatureStore]:
        # Made now, since two threads would make two secrets.
        self.secret  # noqa: B018
        return lambda: SharedSignatureStore(self.db_file)
