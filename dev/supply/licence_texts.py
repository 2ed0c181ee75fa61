"""Licences by their texts, where a package has the text only."""

import re

# Phrases by which a text is known, and words of which none may be in it. The first that fits counts.
SIGNS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Apache-2.0", ("apache license", "version 2.0, january 2004", "grant of patent license"), ()),
    ("Apache-1.1", ("redistribution and use", "software developed by the apache software foundation"), ()),
    ("MPL-2.0", ("mozilla public license", "version 2.0", "covered software"), ()),
    ("EPL-2.0", ("eclipse public license - v 2.0",), ()),
    ("EPL-1.0", ("eclipse public license - v 1.0",), ()),
    ("PSF-2.0", ("psf license agreement", "python software foundation"), ()),
    ("LGPL-3.0-only", ("gnu lesser general public license", "version 3, 29 june 2007"), ()),
    ("LGPL-2.1-only", ("gnu lesser general public license", "version 2.1, february 1999"), ()),
    ("GPL-3.0-only", ("gnu general public license", "version 3, 29 june 2007"), ()),
    ("GPL-2.0-only", ("gnu general public license", "version 2, june 1991"), ()),
    ("CC0-1.0", ("cc0 1.0 universal",), ()),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",), ()),
    (
        "BSD-3-Clause",
        ("redistribution and use in source and binary forms", "be used to endorse or promote products"),
        ("all advertising materials",),
    ),
    (
        "BSD-2-Clause",
        ("redistribution and use in source and binary forms", "in binary form must reproduce"),
        ("all advertising materials", "endorse or promote"),
    ),
    (
        "MIT",
        (
            "permission is hereby granted, free of charge, to any person obtaining a copy",
            "the above copyright notice and this permission notice shall be included",
        ),
        ("except as contained in this notice",),
    ),
    (
        "ISC",
        (
            "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee",
            "copyright notice and this permission notice appear in all copies",
        ),
        (),
    ),
    (
        "ISC",
        (
            "permission to use, copy, modify, and distribute this software for any purpose with or without fee",
            "copyright notice and this permission notice appear in all copies",
        ),
        (),
    ),
    (
        "0BSD",
        ("permission to use, copy, modify, and/or distribute this software for any purpose with or without fee",),
        (),
    ),
)
# In a file of many licences only the beginning is that of the package.
LETTERS = 20_000


def recognised(text: str) -> str | None:
    """The SPDX identifier of the licence that a text is, or None."""
    plain = re.sub(r"\s+", " ", re.sub(r"[*#\"'`“”]|//+|/\*", " ", text[:LETTERS])).lower()
    for identifier, phrases, others in SIGNS:
        if all(phrase in plain for phrase in phrases) and not any(other in plain for other in others):
            return identifier
    return None
