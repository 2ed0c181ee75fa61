"""Finds secrets wherever they have got to: as they are, encoded, packed, or both."""

from __future__ import annotations

import base64
import binascii
import bz2
import html
import io
import json
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pyarrow

SHORTEST = 8  # characters; shorter ones would be found by chance
DEPTH = 6  # packed in packed
LARGEST = 2**30  # bytes of something unpacked that are looked at
ALIGNMENTS = (0, 2, 3)  # where the characters begin that 0, 1 or 2 bytes before the secret have no part in
GZIP, ZSTD, ZIP, BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"BZh"
ZLIB = tuple(bytes([0x78, level]) for level in (0x01, 0x5E, 0x9C, 0xDA))
# Something packed by gzip within a text: Helm's releases, arguments of programs.
PACKED_IN_TEXT = re.compile(rb"H4sI[A-Za-z0-9+/_-]{24,}={0,2}")
WRAPPED = re.compile(rb"[ \t]*\r?\n[ \t]*")


@dataclass(frozen=True, order=True)
class Hit:
    """A secret by its name, where it is, and in which form. Never the secret itself: this is printed."""

    secret: str
    place: str
    form: str


def forms(secret: bytes) -> dict[bytes, str]:
    """The bytes by which a secret is found, and what that form is called. Raises ValueError for one that is too short."""
    if len(secret) < SHORTEST:
        raise ValueError(f"a secret of {len(secret)} bytes would be found by chance: plant one of {SHORTEST} or more")
    found: dict[bytes, str] = {}
    text = secret.decode(errors="surrogateescape")
    if text.isprintable():
        quoted = (quote(text, safe=""), quote_plus(text), quote(text))
        found |= dict.fromkeys((each.encode() for each in quoted), "URL-encoded")
        found |= {re.sub(r"%..", lambda hit: hit[0].lower(), each).encode(): "URL-encoded" for each in quoted}
        found[json.dumps(text)[1:-1].encode()] = "JSON"
        found[json.dumps(json.dumps(text)[1:-1])[1:-1].encode()] = "JSON"
        found[html.escape(text).encode()] = "HTML"
        found[text.encode("utf-16-le")] = "UTF-16"
    found |= dict.fromkeys((secret.hex().encode(), secret.hex().upper().encode()), "hexadecimal")
    found |= dict.fromkeys(_base64(secret), "base64")
    found |= dict.fromkeys(_base64(base64.b64encode(secret)), "base64, twice")
    found[secret] = "as it is"
    return found


def _base64(secret: bytes) -> Iterator[bytes]:
    """The characters that are always the same, whatever stands before and after the secret."""
    for before, start in enumerate(ALIGNMENTS):
        bits = (before + len(secret)) * 8
        encoded = base64.b64encode(b"\0" * before + secret)[start : bits // 6]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def search(secrets: Mapping[str, str | bytes], documents: Iterable[tuple[str, bytes]]) -> list[Hit]:
    """Where secrets are, sorted, each form of each in each place once.

    Args:
        secrets: by the names that hits tell.
        documents: places and what is there.
    """
    needles = {name: forms(secret.encode() if isinstance(secret, str) else secret) for name, secret in secrets.items()}
    hits: set[Hit] = set()
    for place, content in documents:
        for inner, data in unpacked(place, content):
            # Long lines are broken: base64 in PEM files and mails, values in YAML.
            joined = WRAPPED.sub(b"", data) if b"\n" in data else b""
            for name, found in needles.items():
                hits |= {Hit(name, inner, form) for needle, form in found.items() if needle in data or needle in joined}
    return sorted(hits)


def unpacked(place: str, data: bytes, depth: int = DEPTH) -> Iterator[tuple[str, bytes]]:
    """The data, and all that is packed in it: gzip, zlib, bzip2, zstd, zip, tar, and gzip in base64. What is cut off or broken is read as far as it goes."""
    yield place, data
    if depth:
        for name, inner in _inner(data):
            yield from unpacked(f"{place} > {name}", inner, depth - 1)


def _inner(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(GZIP):
        yield "gzip", _inflated(data, zlib.MAX_WBITS | 16)
    elif data.startswith(ZLIB):
        yield "zlib", _inflated(data, zlib.MAX_WBITS)
    elif data.startswith(ZSTD):
        yield "zstd", _read(lambda: pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd"))
    elif data.startswith(BZIP2):
        yield "bzip2", _read(lambda: bz2.BZ2File(io.BytesIO(data)))
    elif data.startswith(ZIP):
        yield from _of_zip(data)
    elif data[257:262] == b"ustar":
        yield from _of_tar(data)
    else:
        for found in PACKED_IN_TEXT.findall(data):
            try:
                text = found.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
                yield "base64", base64.b64decode(text + b"=" * (-len(text) % 4))
            except binascii.Error:
                continue


def _inflated(data: bytes, bits: int) -> bytes:
    """All members of a stream, one after the other."""
    made = bytearray()
    while data and len(made) < LARGEST:
        engine = zlib.decompressobj(bits)
        try:
            made += engine.decompress(data, LARGEST)
        except zlib.error:
            break
        if engine.unused_data == data:
            break
        data = engine.unused_data
    return bytes(made)


def _read(opened: Callable[[], io.IOBase]) -> bytes:
    """As much as can be read: a log that is still written ends in the middle, and a read beyond that gives nothing of what is before it."""
    made = b""
    for size in (65536, 256, 1):
        stream = opened()
        pieces = [stream.read(len(made))] if made else []
        try:
            while sum(map(len, pieces)) < LARGEST and (piece := stream.read(size)):
                pieces.append(piece)
        except (OSError, EOFError):
            made = b"".join(pieces)
        else:
            return b"".join(pieces)
    return made


def _of_zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if not entry.flag_bits & 1:  # else it is encrypted
                    with archive.open(entry) as file:
                        yield entry.filename, file.read(LARGEST)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError):
        return


def _of_tar(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                if member.isfile() and (file := archive.extractfile(member)):
                    yield member.name, file.read()
    except tarfile.TarError:
        return
