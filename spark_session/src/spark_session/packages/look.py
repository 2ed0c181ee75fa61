"""Where the entries of a call are: on this machine, beside the notebook on S3, or somewhere that pip, git and Maven know."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path

from spark_session.context import Context
from spark_session.errors import SparkSessionError, show
from spark_session.packages.items import (
    PIP_FILES,
    S3_SCHEMES,
    Item,
    Kind,
    code_kind,
    package_kind,
    parse_packages,
    parse_py_files,
)
from spark_session.settings import Source


def look(context: Context) -> tuple[Item, ...]:
    """What a session brings along, the administrator's before the call's; files of this machine are there and are what they are called.

    Raises:
        SparkSessionError: a file is missing, or is no archive though its name says so.
    """
    defaults, request = context.defaults, context.request
    packages = [(text, Source.ADMIN) for text in parse_packages(defaults.packages, "the administrator's packages")]
    packages += [(text, Source.USER) for text in request.packages]
    files = [(text, Source.ADMIN) for text in parse_py_files(defaults.py_files, "the administrator's py_files")]
    files += [(text, Source.USER) for text in request.py_files]
    found = [_item(package_kind(text), text, source, context) for text, source in packages]
    found += [_item(code_kind(text), text, source, context) for text, source in files]
    if request.environment is not None:
        found.append(_item(Kind.ENVIRONMENT, request.environment, Source.USER, context))
    once: dict[tuple[Kind, str], Item] = {}
    for item in found:
        once.setdefault((item.kind, item.place or item.text), item)  # a call may repeat what the administrator has
    return tuple(once.values())


def _item(kind: Kind, text: str, source: Source, context: Context) -> Item:
    return Item(kind, text, _place(kind, text, context), source)


def _place(kind: Kind, text: str, context: Context) -> str | None:
    if text.startswith(S3_SCHEMES):
        return "s3://" + text.split("://", 1)[1]
    if kind in {Kind.MAVEN, Kind.REPOSITORY} or (kind is Kind.PIP and not _is_file(text)):
        return None
    local = Path(text).expanduser()
    if local.exists():
        _check(kind, text, local)
        return str(local.resolve())
    if (beside := _beside(text, context)) is not None:
        return beside
    raise SparkSessionError(
        f"{show(text)} is not there.",
        f"There is no such file or folder; what is not absolute is looked for in {Path.cwd()}.",
        _meant(local) or "Write the path of what you mean, or an s3:// address.",
    )


def _is_file(text: str) -> bool:
    if "://" in text or " @ " in text:
        return False
    return text.lower().endswith(PIP_FILES) or text.startswith(("./", "../", "/", "~")) or text.endswith("/")


def _beside(text: str, context: Context) -> str | None:
    """Address of a file beside the notebook, where notebooks are on S3; whether it is there shows when it is fetched."""
    folder, home = context.environment.notebook_folder, context.environment.s3.home
    if folder is None or home is None or text.startswith(("/", "~")):
        return None
    place = "s3://" + posixpath.normpath(posixpath.join(folder.removeprefix("s3://"), text))
    # The notebook may be in a shared folder, which is not in the person's place.
    if not any(f"{place}/".startswith(f"{mine}/") for mine in (home, folder)):
        raise SparkSessionError(
            f"{show(text)} leads out of your place.",
            f"Your notebook is in {folder}, and your place on S3 is {home}.",
            "Write the whole s3:// address of what you mean.",
        )
    return place


def _meant(local: Path) -> str:
    for other in (local.with_name(f"{local.name}.py"), local.with_suffix("")):
        if other != local and other.exists():
            return f"Did you mean {show(str(other))}?"
    return ""


def _check(kind: Kind, text: str, local: Path) -> None:
    if kind is Kind.PIP and local.is_dir():
        if not any((local / name).is_file() for name in ("pyproject.toml", "setup.py")):
            raise SparkSessionError(
                f"{show(text)} is a folder that pip cannot install.",
                "It has neither pyproject.toml nor setup.py.",
                f"For code that needs no installation write py_files=[{show(text)}].",
            )
        return
    if kind is not Kind.CODE and not local.is_file():
        raise SparkSessionError(f"{show(text)} is a folder.", "A file is meant.", "Name the file itself.")
    if kind is Kind.CODE and local.is_file() and local.suffix not in {".py", ".zip", ".egg"}:
        raise SparkSessionError(
            f"py_files has {show(text)}.",
            "Code is a .py file, a .zip, .egg or .whl file, a folder or git+https://...",
            "Data files are read from S3, by executors too: put it there, and see s3_home().",
        )
    zipped = local.suffix in {".whl", ".jar", ".zip", ".egg"} and local.is_file()
    if zipped and not zipfile.is_zipfile(local):
        raise SparkSessionError(
            f"{show(text)} is broken.",
            f"A {local.suffix} file is a zip archive, and this one ({local.stat().st_size} bytes) cannot be read as one.",
            "Copy or build it again.",
        )
