"""Python distributions of an image, by the metadata that installers leave beside them."""

import re
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from dev.supply.licence_texts import recognised
from dev.supply.package import PYTHON, Package, place_of

CLASSIFIER = "License :: OSI Approved :: "
# Classifiers that say one licence, as SPDX knows it. "BSD License" does not say which.
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "The Unlicense (Unlicense)": "Unlicense",
}
LONGEST_NAME = 60  # characters; longer ones are texts of licences


def packages(root: Path) -> Iterator[Package]:
    """The distributions in all site-packages below `root`, but those that Debian's packages bring."""
    for metadata in sorted(root.glob("opt/**/*.dist-info/METADATA")):
        fields = HeaderParser().parsestr(metadata.read_text(errors="replace"))
        yield Package(
            PYTHON,
            normalized(fields["Name"]),
            fields["Version"],
            licences=licences(fields, metadata.parent),
            place=place_of(metadata.parent, root),
        )


def normalized(name: str) -> str:
    """As package indexes write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licences(fields: Message, folder: Path) -> tuple[str, ...]:
    """What a distribution says of its licence: its expression, else its classifiers where they are clear, its text, its own words."""
    if expression := fields.get("License-Expression"):
        return (expression,)
    named = [line.removeprefix(CLASSIFIER) for line in fields.get_all("Classifier", []) if line.startswith(CLASSIFIER)]
    if named and all(name in CLASSIFIERS for name in named):
        return (" OR ".join(sorted(CLASSIFIERS[name] for name in named)),)
    words = (fields.get("License") or "").strip()
    text = recognised(words) or next(filter(None, map(recognised, texts(folder))), None)
    if text:
        return (text,)
    return tuple(filter(None, [words if is_name(words) else "", *named]))


def is_name(words: str) -> bool:
    return bool(words) and words != "UNKNOWN" and "\n" not in words and len(words) <= LONGEST_NAME


def texts(folder: Path) -> Iterator[str]:
    """The licence files of a distribution."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and re.match(r"(LICEN[SC]E|COPYING)", path.name, re.IGNORECASE):
            yield path.read_text(errors="replace")
