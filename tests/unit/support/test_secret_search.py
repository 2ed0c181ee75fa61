"""That the search for secrets finds them: a search that finds nothing proves nothing."""

from __future__ import annotations

import base64
import bz2
import gzip
import html
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.secret_search import Hit, forms, search

SECRET = 'planted "sécret" +/&=?% 0123'
PLAIN = "0123456789abcdef0123456789abcdef"


def found(data: bytes, secret: str | bytes = SECRET) -> list[Hit]:
    return search({"key": secret}, [("place", data)])


def in_zip(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", data)
    return made.getvalue()


def in_tar(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("layer/etc/file")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def in_zstd(data: bytes) -> bytes:
    made = io.BytesIO()
    with pyarrow.CompressedOutputStream(made, "zstd") as stream:
        stream.write(data)
        stream.flush()
        return made.getvalue()  # while it is still written, as an event log is


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "URL-encoded": lambda text: quote(text, safe="").encode(),
    "URL-encoded, as a form": lambda text: quote_plus(text).encode(),
    "URL-encoded, in small letters": lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%3D", "%3d").replace("%C3%A9", "%c3%a9").replace("%2B", "%2b").replace("%3F", "%3f").encode(),
    "JSON": lambda text: json.dumps({"a": text}).encode(),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})).encode(),
    "HTML": lambda text: html.escape(text).encode(),
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 after a name": lambda text: base64.b64encode(b"user:" + text.encode() + b"\n"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"k=" + text.encode()),
    "base64, twice": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "base64 in lines": lambda text: base64.encodebytes(b"x" * 70 + text.encode() + b"y" * 70),
}  # fmt: skip
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "not": lambda data: data,
    "gzip": gzip.compress,
    "gzip, after another": lambda data: gzip.compress(b"first") + gzip.compress(data),
    "gzip, cut off": lambda data: gzip.compress(data + bytes(range(256)) * 40)[:-20],
    "gzip in base64 in a text": lambda data: b'{"release": "' + base64.b64encode(gzip.compress(data)) + b'"}',
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "zstd": in_zstd,
    "zip": in_zip,
    "tar": in_tar,
    "tar, gzip, zip": lambda data: in_zip(gzip.compress(in_tar(data))),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_found_however_it_is_encoded_and_packed(encoding: str, packing: str) -> None:
    data = PACKINGS[packing](b"before " + ENCODINGS[encoding](SECRET) + b" after")
    assert found(data), "not found"


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(min_size=12, max_size=60))
def test_base64_is_found_wherever_the_secret_stands(before: bytes, after: bytes, secret: bytes) -> None:
    assert found(base64.b64encode(before + secret + after), secret)
    assert found(base64.urlsafe_b64encode(before + secret + after), secret)


def test_a_hit_says_where_and_how_and_not_what() -> None:
    [hit] = [hit for hit in found(gzip.compress(b"x" + PLAIN.encode()), PLAIN) if hit.form == "as it is"]
    assert hit == Hit("key", "place > gzip", "as it is")
    assert PLAIN not in repr(hit)


def test_what_is_not_there_is_not_found() -> None:
    other = PLAIN[::-1].encode()
    documents = [
        ("a", other),
        ("b", base64.b64encode(other)),
        ("c", gzip.compress(other)),
        ("d", b""),
        ("e", PLAIN[:-1].encode()),
    ]
    assert search({"key": PLAIN}, documents) == []


@pytest.mark.parametrize(
    "data", [b"\x1f\x8b broken", b"PK\x03\x04 broken", b"\x28\xb5\x2f\xfd broken", b"BZh broken", b"x\x9c broken"]
)
def test_what_only_looks_packed_is_still_searched(data: bytes) -> None:
    assert found(data + PLAIN.encode(), PLAIN) == [Hit("key", "place", "as it is")]


def test_every_secret_is_told_by_its_own_name() -> None:
    hits = search(
        {"one": PLAIN, "two": "another-secret", "three": "not there"}, [("a", b"another-secret"), ("b", PLAIN.encode())]
    )
    assert [(hit.secret, hit.place) for hit in hits] == [("one", "b"), ("two", "a")]


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="by chance"):
        forms(b"short")
