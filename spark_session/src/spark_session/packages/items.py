"""The entries of `packages=`, `py_files=` and `environment=`, told apart by their form. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from spark_session.errors import SparkSessionError, show
from spark_session.settings import Source


class Kind(Enum):
    """What an entry is; the value is its word for people."""

    PIP = "pip"
    JAR = "jar"
    MAVEN = "maven"
    CODE = "code"
    REPOSITORY = "git"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Item:
    """One entry.

    Args:
        kind: what it is.
        text: as it was written.
        place: path of a local file or folder, "s3://..." address, or None for what pip, git and Maven find by themselves.
        source: who asked for it: the call or the administrator.
    """

    kind: Kind
    text: str
    place: str | None
    source: Source = Source.USER

    @property
    def is_remote(self) -> bool:
        """Whether it has to be fetched from S3."""
        return self.place is not None and self.place.startswith("s3://")


S3_SCHEMES = ("s3://", "s3a://")
PIP_FILES = (".whl", ".tar.gz")
ENVIRONMENT_FILES = (".tar.gz", ".tgz")
_COORDINATE = re.compile(r"[A-Za-z0-9_.\-]+(:[A-Za-z0-9_.\-+]+){2}", re.ASCII)
_EXAMPLE = 'For example packages=["polars==1.*", "org.postgresql:postgresql:42.7.7", "s3://bucket/tool.jar"].'


def parse_packages(value: object, argument: str = "packages") -> tuple[str, ...]:
    """The entries of `packages=`, a text or a list of texts, each of a form that `package_kind` knows.

    Raises:
        SparkSessionError: the first entry that is none.
    """
    return _parse(value, argument, package_kind, _EXAMPLE)


def parse_py_files(value: object, argument: str = "py_files") -> tuple[str, ...]:
    """The entries of `py_files=`, likewise.

    Raises:
        SparkSessionError: the first entry that is none.
    """
    return _parse(value, argument, code_kind, 'For example py_files=["helper.py", "my_package/"].')


def parse_environment(value: object) -> str:
    """The archive of `environment=`.

    Raises:
        SparkSessionError: it is not the name of one.
    """
    if not isinstance(value, str) or not _is_clean(value) or not value.lower().endswith(ENVIRONMENT_FILES):
        raise SparkSessionError(
            f"environment={show(value)} is not a packed environment.",
            "It must be one .tar.gz file, as venv-pack and conda-pack make them.",
            'For example environment="env.tar.gz".',
        )
    if "://" in value and not value.startswith(S3_SCHEMES):
        raise _scheme(value, "environment")
    return value


def _parse(value: object, argument: str, kind: Callable[[str, str], Kind], example: str) -> tuple[str, ...]:
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, Sequence) or isinstance(entries, bytes):
        raise SparkSessionError(
            f"{argument} is a {type(value).__name__}.", "It must be a text or a list of texts.", example
        )
    found: list[str] = []
    for entry in entries:
        if not isinstance(entry, str) or not _is_clean(entry):
            raise SparkSessionError(
                f"{argument} has the entry {show(entry)}.", "An entry is a text of printable characters.", example
            )
        kind(entry.strip(), argument)
        if entry.strip() in found:
            raise SparkSessionError(f"{argument} has {show(entry)} twice.", "Once is enough.", "Take one of them out.")
        found.append(entry.strip())
    return tuple(found)


def _is_clean(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and not text.strip().startswith("-")


def package_kind(text: str, argument: str = "packages") -> Kind:
    """What an entry of `packages=` is, by its form alone.

    Raises:
        SparkSessionError: it has no form that is known, or one that could mean two things.
    """
    path = text.split("#", 1)[0].lower()
    if text.startswith("git+"):
        _git(text, argument)
        return Kind.PIP
    if path.endswith((".py", ".egg", ".zip")) and " @ " not in text:
        raise SparkSessionError(
            f"{argument} has {show(text)}, which is a file of code by its name.",
            "Code of your own is an argument of its own.",
            f"Write py_files=[{show(text)}]. A package that is called so needs a version behind its name, such as >=1.",
        )
    if _is_list(path):
        raise SparkSessionError(
            f"{argument} has {show(text)}, which is a list of packages.",
            "Lists are not read: what a session brings along stands in its call.",
            'Write the entries themselves, for example packages=["polars==1.*", "duckdb"].',
        )
    if path.endswith(".tgz"):
        raise SparkSessionError(
            f"{argument} has {show(text)}.",
            "It could be a packed environment or the source of a package.",
            f"Write environment={show(text)} for what venv-pack or conda-pack made.",
        )
    if "://" in text and " @ " not in text:
        return _address(text, path, argument)
    if path.endswith(".jar"):
        return Kind.JAR
    if path.endswith(PIP_FILES) or _looks_like_path(text):
        return _for_pip(text, path, argument)
    if ":" in text and " @ " not in text:
        return _coordinates(text, argument)
    _requirement(text, argument)
    return Kind.PIP


def _address(text: str, path: str, argument: str) -> Kind:
    if text.startswith(S3_SCHEMES):
        if path.endswith(".jar"):
            return Kind.JAR
        if path.endswith(PIP_FILES):
            return _for_pip(text, path, argument)
        raise SparkSessionError(
            f"{argument} has {show(text)}.",
            "A package on S3 is a wheel (.whl), the source of one (.tar.gz) or a jar (.jar).",
            "Name such a file; code of your own goes into py_files=.",
        )
    if text.startswith(("https://", "http://")):
        _check_password(text, argument)
        if path.endswith(PIP_FILES):
            return _for_pip(text, path, argument)
        raise SparkSessionError(
            f"{argument} has {show(text)}.",
            "From the web come wheels (.whl) and the sources of packages (.tar.gz).",
            "For a jar write its Maven coordinates, or copy it to S3 and write the s3:// address.",
        )
    raise _scheme(text, argument)


def _for_pip(text: str, path: str, argument: str) -> Kind:
    if path.endswith(".whl"):
        check_wheel(text, argument)
    return Kind.PIP


def _scheme(text: str, argument: str) -> SparkSessionError:
    scheme = text.split("://", 1)[0]
    return SparkSessionError(
        f"{argument} has {show(text)}.",
        f"Nothing is fetched from {show(scheme)} addresses.",
        "Write a path, an s3:// address, or git+https:// for a repository.",
    )


def _is_list(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    # A package may be called something.yaml (there is ruamel.yaml).
    return name.endswith((".txt", ".toml", ".lock", ".yml")) or (
        name.endswith(".yaml") and (name != path or name.startswith(("env", "conda")))
    )


def _looks_like_path(text: str) -> bool:
    return text.startswith(("./", "../", "/", "~")) or (text.endswith("/") and ":" not in text)


def _coordinates(text: str, argument: str) -> Kind:
    if _COORDINATE.fullmatch(text):
        return Kind.MAVEN
    raise SparkSessionError(
        f"{argument} has {show(text)}, which are no Maven coordinates.",
        "They are group:artifact:version, three names with two colons and no space.",
        'For example "org.postgresql:postgresql:42.7.7".',
    )


def _requirement(text: str, argument: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    fix = 'Write it as for pip install, for example "polars==1.*" or "duckdb>=1.2,<2".'
    if re.fullmatch(r"[\w.\-\[\],]+\s*=\s*[^=].*", text):
        name, version = (part.strip() for part in text.split("=", 1))
        fix = f'Did you mean "{name}=={version}"?'
    elif re.fullmatch(r"[\w.\-]+@[\w.]+", text):
        fix = f'Did you mean "{text.replace("@", "==")}"?'
    elif re.fullmatch(r"[\w.\-]+\s+[\d.]+\S*", text):
        fix = f'Did you mean "{"==".join(text.split())}"?'
    try:
        wanted = Requirement(text)
    except InvalidRequirement as error:
        raise _no_package(text, argument, fix) from error
    if wanted.url is not None:
        if "://" not in wanted.url:
            raise _no_package(text, argument, fix)
        _check_password(wanted.url, argument)


def _no_package(text: str, argument: str, fix: str) -> SparkSessionError:
    return SparkSessionError(
        f"{argument} has {show(text)}, which is no package.",
        "A package is a name, and if need be ==, >= or the like and a version, or @ and an address.",
        fix,
    )


def _check_password(address: str, argument: str) -> None:
    if urlsplit(address).password is not None:
        raise SparkSessionError(
            f"{argument} has an address with a password in it.",
            "Arguments are shown, and kept in notebooks.",
            "Leave the password out: pip finds it in ~/.netrc, and git where `git config credential.helper` keeps it.",
        )


def code_kind(text: str, argument: str = "py_files") -> Kind:
    """What an entry of `py_files=` is, by its form alone.

    Raises:
        SparkSessionError: it is no code.
    """
    path = text.split("#", 1)[0].lower()
    if text.startswith("git+"):
        _git(text, argument)
        return Kind.REPOSITORY
    if path.endswith(".whl"):
        return package_kind(text, argument)
    if path.endswith((".jar", ".ipynb", ".tar.gz", ".tgz", ".so", ".pyc")):
        words = {
            ".jar": "Jars go into packages=.",
            ".ipynb": "A notebook cannot be imported: export it as a .py file.",
            ".tar.gz": "A packed environment goes into environment=, the source of a package into packages=.",
            ".tgz": "A packed environment goes into environment=.",
        }
        fix = next((word for end, word in words.items() if path.endswith(end)), "Give the package that it belongs to.")
        raise SparkSessionError(
            f"py_files has {show(text)}.",
            "Code is a .py file, a .zip, .egg or .whl file, a folder or git+https://...",
            fix,
        )
    if "://" in text and not text.startswith(S3_SCHEMES):
        raise _scheme(text, argument)
    return Kind.CODE


def _git(text: str, argument: str) -> None:
    address = text.removeprefix("git+")
    parts = urlsplit(address)
    if parts.scheme not in {"https", "ssh", "file"} or not parts.path.strip("/"):
        raise SparkSessionError(
            f"{argument} has {show(text)}, which is no address of a repository.",
            "git is asked over https, ssh or for a local path (file).",
            "For example git+https://git.example.org/team/tools@v1.2#subdirectory=src.",
        )
    _check_password(address, argument)


def check_wheel(text: str, argument: str) -> None:
    """Whether a wheel fits this Python and this platform, by its name.

    Raises:
        SparkSessionError: it does not, or its name is no wheel's.
    """
    from packaging.tags import sys_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    name = text.split("#", 1)[0].replace("\\", "/").rsplit("/", 1)[-1]
    try:
        *_, tags = parse_wheel_filename(name)
    except InvalidWheelFilename as error:
        raise SparkSessionError(
            f"{argument} has {show(text)}, whose name is no wheel's.",
            "The name says for which Python and platform a wheel is: name-version-python-abi-platform.whl.",
            "Give the file the name that it was built with.",
        ) from error
    if tags.isdisjoint(sys_tags()):
        best = next(iter(sys_tags()))
        raise SparkSessionError(
            f"{argument} has {show(name)}, which does not fit.",
            f"It is for {', '.join(sorted(map(str, tags))[:3])}, and this Python takes {best} and the like.",
            "Get or build the wheel for this Python and platform, or write the package's name and let pip choose.",
        )


def repository(text: str) -> tuple[str, str | None, str]:
    """Address, revision (None: the default branch) and folder ("": all) of `git+https://host/repo@revision#subdirectory=folder`."""
    address, _, fragment = text.removeprefix("git+").partition("#")
    folder = ""
    for part in fragment.split("&"):
        name, _, value = part.partition("=")
        if name == "subdirectory":
            folder = value.strip("/")
    head, at, revision = address.rpartition("@")
    # The @ of a user name stands before the path.
    if at and "/" in urlsplit(head).path.strip():
        return head, revision or None, folder
    return address, None, folder
