from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_server.services.contents.handlers import validate_model
from s3_contents import models
from s3_contents.objects import Object, now
from tornado.web import HTTPError

ITEM = Object("users/ada/f/a.txt", 3, "etag", now())


def test_a_file() -> None:
    model = models.file_model("f/a.txt", "file", ITEM)
    validate_model(model, expect_hash=True)
    assert (model["name"], model["path"], model["type"], model["size"]) == ("a.txt", "f/a.txt", "file", 3)
    assert (model["mimetype"], model["hash"], model["hash_algorithm"]) == ("text/plain", "etag", "etag")
    assert model["last_modified"] == ITEM.modified
    assert models.file_model("f/a.txt", "file", ITEM, with_hash=False)["hash"] is None


def test_a_notebook() -> None:
    model = models.file_model("a.ipynb", "notebook", ITEM)
    assert (model["name"], model["mimetype"]) == ("a.ipynb", None)


def test_a_folder() -> None:
    validate_model(models.directory_model("f"))
    validate_model(models.directory_model("f", []), expect_content=True)
    assert models.directory_model("f")["format"] is None
    assert models.directory_model("f", [{"name": "x"}])["content"] == [{"name": "x"}]


@pytest.mark.parametrize(
    ("path", "kind", "stored_as"),
    [
        ("a.ipynb", "notebook", "application/x-ipynb+json"),
        ("a.csv", "file", "text/csv"),
        ("a.unknown", "file", "application/octet-stream"),
        ("Makefile", "file", "application/octet-stream"),
    ],
)
def test_types_come_from_names(path: str, kind: str, stored_as: str) -> None:
    assert (models.file_type(path), models.content_type(path)) == (kind, stored_as)


@given(st.binary())
def test_bytes_come_back_as_they_were(body: bytes) -> None:
    for wanted in (None, "base64"):
        content, given_format = models.decoded("a", body, wanted)
        assert models.encoded("a", content, given_format) == body


def test_text_that_is_none_is_refused_if_text_was_asked_for() -> None:
    with pytest.raises(HTTPError, match=r"a\.bin is not UTF-8 encoded"):
        models.decoded("a.bin", b"\xff", "text")
    assert models.decoded("a.bin", b"\xff", None) == ("/w==\n", "base64")


@pytest.mark.parametrize(
    ("content", "given_format", "message"),
    [
        ("x", None, "Must specify format"),
        ("x", "json", "Must specify format"),
        ("ä", "base64", "Encoding error saving a"),
        ("abc", "base64", "Encoding error saving a"),
        ("\udcff", "text", "Encoding error saving a"),
    ],
)
def test_content_that_is_not_in_its_format_is_refused(content: str, given_format: str | None, message: str) -> None:
    with pytest.raises(HTTPError, match=message) as raised:
        models.encoded("a", content, given_format)
    assert raised.value.status_code == 400


def test_the_media_type_of_an_unknown_file_follows_its_content() -> None:
    for body, media_type in ((b"text", "text/plain"), (b"\xff", "application/octet-stream")):
        model = models.file_model("a", "file", ITEM)
        models.fill_file(model, body, None)
        assert model["mimetype"] == media_type
        assert base64.b64decode(model["content"]) == body if model["format"] == "base64" else model["content"] == "text"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({}, "No file type provided"),
        ({"type": "link"}, "Unhandled contents type: link"),
        ({"type": "file"}, "No file content provided"),
        ({"type": "notebook", "content": None}, "No file content provided"),
        ({"type": "file", "content": 5}, "is not text"),
        ({"type": "notebook", "content": {}, "chunk": 1}, 'File type "notebook" is not supported'),
        ({"type": "directory", "chunk": 1}, 'File type "directory" is not supported'),
        ({"type": "file", "content": "", "chunk": 0}, "is not 1, 2, ... or -1"),
        ({"type": "file", "content": "", "chunk": True}, "is not 1, 2, ... or -1"),
        ({"type": "file", "content": "", "base_hash": 1}, "neither the hash of a version nor null"),
    ],
)
def test_models_that_cannot_be_saved(model: dict[str, Any], message: str) -> None:
    with pytest.raises(HTTPError, match=message) as raised:
        models.check_input("a", model)
    assert raised.value.status_code == 400


@pytest.mark.parametrize(
    "model",
    [
        {"type": "directory"},
        {"type": "file", "content": ""},
        {"type": "file", "content": "x", "chunk": -1, "base_hash": None},
        {"type": "notebook", "content": {}, "base_hash": "x"},
    ],
)
def test_models_that_can_be_saved(model: dict[str, Any]) -> None:
    models.check_input("a", model)
