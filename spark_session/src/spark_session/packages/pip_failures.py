"""What pip says when it gives up, in words for researchers. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence

from spark_session.errors import SparkSessionError

_UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|Name or service not known|ConnectTimeout|ReadTimeout|"
    r"Connection refused|ProxyError|SSLError|CERTIFICATE_VERIFY_FAILED|Max retries exceeded|Network is unreachable"
)


def failure(said: str, asked: Sequence[str]) -> SparkSessionError:
    """The error for what pip said.

    Args:
        said: all that pip wrote.
        asked: what it was asked for.
    """
    names = ", ".join(asked)
    for pattern, explain in _SENTENCES:
        if match := re.search(pattern, said, re.MULTILINE):
            return explain(match, names)
    return SparkSessionError(
        f"{names} cannot be installed.", f"pip says: {_end(_last_words(said))}", "Check what it names."
    )


def other_version(asked: str, name: str, version: str) -> SparkSessionError:
    """The error for what wants another version of a package that stays as it is."""
    return SparkSessionError(
        f"{asked} does not go with {name} {version}, which is already here.",
        "A session adds packages to those of its Python and replaces none: notebook, executors and Spark itself work with them.",
        f"Ask for what goes with {name} {version}, or ask your administrator for an image with another version.",
    )


def _no_pip(_: re.Match[str], names: str) -> SparkSessionError:
    return SparkSessionError(
        f"{names} cannot be installed.",
        f"This Python ({sys.executable}) has no pip.",
        "Install it with: python -m ensurepip.",
    )


def _constraint(match: re.Match[str], names: str) -> SparkSessionError:
    return other_version(names, match["name"], match["version"])


def _conflict(match: re.Match[str], names: str) -> SparkSessionError:
    reasons = re.findall(r"^ {4}(\S.*)$", match.string, re.MULTILINE)
    return SparkSessionError(
        f"{names} do not go together.", _end("; ".join(reasons[:4])), "Ask for other versions of them."
    )


def _platform(match: re.Match[str], names: str) -> SparkSessionError:
    return SparkSessionError(
        f"{names} cannot be installed.", _end(match["said"]), "Take the wheel for this Python and platform."
    )


def _broken(match: re.Match[str], names: str) -> SparkSessionError:
    return SparkSessionError(f"{names} cannot be installed.", _end(match["said"]), "Copy or build it again.")


def _not_found(match: re.Match[str], _: str) -> SparkSessionError:
    what = re.sub(r" \(from .*", "", match["what"])
    if match["versions"] != "none":
        newest = ", ".join(match["versions"].split(", ")[-5:])
        return SparkSessionError(
            f"There is no {what} for this Python.",
            f"The newest versions that there are: {newest}.",
            "Ask for one of them.",
        )
    if silent := _UNREACHABLE.search(match.string):
        return SparkSessionError(
            f"{what} cannot be looked up.",
            f"pip's index does not answer from here ({silent[0]}).",
            'Ask your administrator which index of packages can be reached, or give wheels: packages=["s3://bucket/x.whl"].',
        )
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return SparkSessionError(
        f"There is no package {what} for this Python.",
        f"pip's index has none of that name, or none for Python {here} on this platform.",
        "Check the name.",
    )


def _silent(match: re.Match[str], names: str) -> SparkSessionError:
    return SparkSessionError(
        f"{names} cannot be fetched.",
        f"The place that it is at does not answer from here ({match[0]}).",
        "Check the address, or ask your administrator what can be reached.",
    )


def _absent(match: re.Match[str], names: str) -> SparkSessionError:
    return SparkSessionError(f"{names} cannot be fetched.", _end(match["said"]), "Check the address.")


def _unbuilt(match: re.Match[str], names: str) -> SparkSessionError:
    return SparkSessionError(
        f"{names} cannot be built.",
        f"pip says: {_end(_last_words(match.string))}",
        "Give a wheel, which needs no building, or another version.",
    )


_SENTENCES: Sequence[tuple[str, Callable[[re.Match[str], str], SparkSessionError]]] = (
    (r"No module named pip", _no_pip),
    (r"The user requested \(constraint\) (?P<name>[\w.\-]+)==(?P<version>\S+)", _constraint),
    (r"conflicting dependencies", _conflict),
    (r"^ERROR: (?P<said>\S+ is not a supported wheel on this platform)", _platform),
    (r"(?P<said>Wheel .* is invalid|[\w.\-]+ has an invalid wheel, .*)", _broken),
    (r"satisfies the requirement (?P<what>.+?) \(from versions: (?P<versions>[^)]*)\)", _not_found),
    (r"(?P<said>\d\d\d (?:Client|Server) Error: .*)", _absent),
    (_UNREACHABLE.pattern, _silent),
    (r"metadata-generation-failed|Failed (?:to build|building)|subprocess-exited-with-error", _unbuilt),
)


def _last_words(said: str) -> str:
    errors = re.findall(r"^\s*(?:ERROR|error): (.+)$", said, re.MULTILINE)
    rest = [line for line in said.splitlines() if line.strip()]
    return " ".join(errors[:2] or rest[-2:] or ["nothing"])


def _end(text: str) -> str:
    return f"{text.strip().rstrip('.')[:300]}."
