"""Licences as SPDX knows them, and which of them the images may hold."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from license_expression import ExpressionError, LicenseSymbol, LicenseWithExceptionSymbol, get_spdx_licensing

from dev.supply import known
from dev.supply.package import DEBIAN, Package, with_bundled

_SPDX = get_spdx_licensing()

# Licences that ask for no more than their own text, and those whose conditions end at their own files or library: the images may hold
# packages under them. A package under another one is a decision to take: docs/security/supply.md.
ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-1.1",
        "Apache-2.0",
        "Artistic-1.0-Perl",
        "Artistic-2.0",
        "BlueOak-1.0.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "CC-BY-4.0",
        "CDDL-1.0",
        "CDDL-1.1",
        "EPL-1.0",
        "EPL-2.0",
        "ISC",
        "LGPL-2.1-only",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-1.1",
        "MPL-2.0",
        "OFL-1.1",
        "PSF-2.0",
        "Python-2.0",
        "Unicode-3.0",
        "Unlicense",
        "WTFPL",
        "Zlib",
    }
)
# Of Debian's archive: all in `main` is free software by Debian's guidelines, each file under a licence of its copyright file.
ALLOWED_AREAS = frozenset({"main"})

# Licences as authors write them, in small letters and without what is between words.
NAMES: Mapping[str, str] = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license v2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache org licenses license 2.0": "Apache-2.0",
    "apache org licenses license 2.0.html": "Apache-2.0",
    "apache org licenses license 2.0.txt": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license version 2": "Apache-2.0",
    "apache.org licenses license 2.0": "Apache-2.0",
    "apache.org licenses license 2.0.html": "Apache-2.0",
    "apache.org licenses license 2.0.txt": "Apache-2.0",
    "asl version 2": "Apache-2.0",
    "the apache license version 2.0": "Apache-2.0",
    "the apache software license version 2.0": "Apache-2.0",
    "3 clause bsd": "BSD-3-Clause",
    "3 clause bsd license": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "bsd 3 clause license": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "revised bsd": "BSD-3-Clause",
    "the bsd 3 clause license": "BSD-3-Clause",
    "the go license": "BSD-3-Clause",
    "the new bsd license": "BSD-3-Clause",
    "opensource.org license bsd 3 clause": "BSD-3-Clause",
    "opensource.org licenses bsd 3 clause": "BSD-3-Clause",
    "spdx.org licenses bsd 3 clause.html": "BSD-3-Clause",
    "bsd 2 clause": "BSD-2-Clause",
    "bsd 2 clause license": "BSD-2-Clause",
    "opensource.org licenses bsd 2 clause": "BSD-2-Clause",
    "the bsd 2 clause license": "BSD-2-Clause",
    "eclipse.org org documents edl v10.php": "BSD-3-Clause",
    "edl 1.0": "BSD-3-Clause",
    "eclipse distribution license v. 1.0": "BSD-3-Clause",
    "eclipse public license v 2.0": "EPL-2.0",
    "epl 2.0": "EPL-2.0",
    "eclipse.org legal epl 2.0": "EPL-2.0",
    "eclipse public license v2.0": "EPL-2.0",
    "cddl": "CDDL-1.0",
    "cddl + gplv2 with classpath exception": "CDDL-1.1 OR GPL-2.0-only WITH Classpath-exception-2.0",
    "gpl 2.0 with classpath exception": "GPL-2.0-only WITH Classpath-exception-2.0",
    "gpl2 w cpe": "GPL-2.0-only WITH Classpath-exception-2.0",
    "gnu.org software classpath license.html": "GPL-2.0-only WITH Classpath-exception-2.0",
    "lgpl 2.1": "LGPL-2.1-only",
    "lgpl v3": "LGPL-3.0-only",
    "mpl 1.1": "MPL-1.1",
    "cc0": "CC0-1.0",
    "public domain per creative commons cc0": "CC0-1.0",
    "creativecommons.org publicdomain zero 1.0": "CC0-1.0",
    "isc license": "ISC",
    "mit license": "MIT",
    "the mit license": "MIT",
    "opensource.org license mit": "MIT",
    "opensource.org licenses mit": "MIT",
    "opensource.org licenses mit license.php": "MIT",
    "psfl": "PSF-2.0",
    "unicode icu license": "Unicode-3.0",
}


@dataclass(frozen=True)
class Verdict:
    """What a package is under, as SPDX writes it ("" where nobody can tell), and whether it is allowed."""

    expression: str
    allowed: bool


def expression(stated: Iterable[str]) -> str:
    """What a package says of its licence as one SPDX expression; several names are a choice. "" where one of them is not known."""
    parts = [_spdx(name) for name in stated]
    if not parts or not all(parts):
        return ""
    return " OR ".join(dict.fromkeys(parts)) if len(set(parts)) > 1 else parts[0]


def _spdx(name: str) -> str:
    plain = re.sub(r"[^a-z0-9.+]+", " ", re.sub(r"^https?://(www\.)?", "", name.lower())).strip()
    text = NAMES.get(plain, "" if "://" in name else name)
    try:
        parsed = _SPDX.parse(text, validate=True)
    except ExpressionError:
        return ""
    return str(parsed) if parsed is not None else ""


def verdict(package: Package) -> Verdict:
    """Of one package, without what it bundles."""
    if package.kind == DEBIAN:
        area = package.properties.get("debian:area", "")
        return Verdict(" / ".join(package.licences), area in ALLOWED_AREAS and bool(package.licences))
    text = known.licence(package.kind, package.name) or expression(package.licences)
    return Verdict(text, bool(text) and is_allowed(text))


def is_allowed(text: str) -> bool:
    """Whether an SPDX expression can be met by allowed licences alone."""
    parsed = _SPDX.parse(text)
    truth = {symbol: _TRUE if _key(symbol) in ALLOWED else _FALSE for symbol in parsed.symbols}
    return bool(parsed.subs(truth, simplify=True) == _TRUE)


_TRUE, _FALSE = _SPDX.TRUE, _SPDX.FALSE


def _key(symbol: LicenseSymbol | LicenseWithExceptionSymbol) -> str:
    # An exception to a licence only permits more.
    return str(symbol.license_symbol.key if isinstance(symbol, LicenseWithExceptionSymbol) else symbol.key)


def refused(packages: Iterable[Package]) -> list[tuple[Package, Verdict]]:
    """The packages, bundled ones among them, whose licence is unknown or not allowed."""
    judged = ((package, verdict(package)) for package in with_bundled(packages))
    return [(package, found) for package, found in judged if not found.allowed]
