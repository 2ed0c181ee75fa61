"""Fetches and installs what a session brings along, before Spark starts: an entry that cannot be had leaves everything as it was."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spark_session.context import Context, detected
from spark_session.errors import SparkSessionError
from spark_session.packages import archive, code, jars, maven, pip, workplace
from spark_session.packages.items import Item, Kind
from spark_session.packages.s3_files import S3Files
from spark_session.settings import Settings, Source

PYTHONPATH = "spark.executorEnv.PYTHONPATH"
CODE, PACKAGES, ENVIRONMENT = "session-code", "session-packages", "session-environment"
"""Folders that Spark unpacks in an executor's working folder."""

Row = tuple[str, str, str]
_installed: dict[tuple[pip.Distribution, ...], Path] = {}
"""What sessions of this process have installed already."""


@dataclass
class Brought:
    """What came of the entries of a session.

    Args:
        rows: source, name and whereabouts of each thing, for `explain`.
        settings: Spark settings by which executors get the same.
        first: folders before everything else on the search path of Python modules.
        last: folders after everything else.
        stamps: what code looked like when it was copied, by its place.
        jars: for the driver's JVM.
        archive: packed environment, and where its packages are in it; None without one.
    """

    rows: list[Row] = field(default_factory=list)
    settings: Settings = field(default_factory=dict)
    first: list[Path] = field(default_factory=list)
    last: list[Path] = field(default_factory=list)
    stamps: dict[str, str] = field(default_factory=dict)
    jars: list[Path] = field(default_factory=list)
    archive: tuple[Path, Path] | None = None

    def add(self, item: Item, text: str) -> None:
        """Add a row on an entry."""
        self.rows.append(_row(item, text))


def rows(items: Sequence[Item]) -> list[Row]:
    """What `explain` shows of entries before their session starts. Pure."""
    return [_row(item, f"from {item.place}" if item.place else "not looked up yet") for item in items]


def _row(item: Item, text: str) -> Row:
    names = {Kind.CODE: "py_files", Kind.REPOSITORY: "py_files", Kind.ENVIRONMENT: "environment"}
    return item.source.value, f"{names.get(item.kind, 'packages')}: {item.text}", text


def bring(context: Context, settings: Settings, items: Sequence[Item], jvm: Any, say: Callable[[str], None]) -> Brought:
    """Fetch, check and install; nothing is changed yet but for files of this process.

    Args:
        context: of the session.
        settings: of the session.
        items: what it brings along.
        jvm: PySpark's view of the driver's JVM.
        say: tells a person what takes long.

    Raises:
        SparkSessionError: an entry cannot be had; no file of this session is left then.
    """
    work = workplace.folder() / context.session_id
    work.mkdir()
    try:
        return _Bringing(context, settings, items, jvm, say=say, work=work).run()
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def activate(brought: Brought, jvm: Any) -> None:
    """Let this process and its JVM use what was brought, in place of what the session before brought."""
    workplace.activate(brought.first, brought.last, anew=CODE)
    jars.load(jvm, brought.jars)


def changed(brought: Brought, items: Sequence[Item], settings: Settings, jvm: Any) -> list[str]:
    """Entries of the call whose code is another one than when the session started."""
    mine = [item for item in items if item.kind is Kind.CODE and item.source is Source.USER]
    files = S3Files(jvm, settings) if any(item.is_remote for item in mine) else None
    return [item.text for item in mine if item.place is not None and _stamp(item, files) != brought.stamps[item.place]]


def _stamp(item: Item, files: S3Files | None) -> str:
    assert item.place is not None
    try:
        return files.look(item.place, item.text)[1] if files is not None and item.is_remote else code.stamp(item.place)
    except (SparkSessionError, OSError):
        return ""  # it is gone


class _Bringing:
    """One run, its steps in order."""

    def __init__(
        self,
        context: Context,
        settings: Settings,
        items: Sequence[Item],
        jvm: Any,
        *,
        say: Callable[[str], None],
        work: Path,
    ) -> None:
        self._context, self._settings, self._items = context, settings, items
        self._jvm, self._say, self._work = jvm, say, work
        self._brought = Brought()
        self._places: dict[Item, Path] = {}
        """Where each entry's file or folder is on this machine."""

    def run(self) -> Brought:
        self._fetch()
        self._environment()
        self._packages()
        self._code()
        self._java()
        self._settle()
        return self._brought

    def _of(self, *kinds: Kind) -> list[Item]:
        return [item for item in self._items if item.kind in kinds]

    def _new(self, *names: str) -> Path:
        folder = self._work.joinpath(*names)
        folder.mkdir(parents=True)
        return folder

    def _fetch(self) -> None:
        files = S3Files(self._jvm, self._settings) if any(item.is_remote for item in self._items) else None
        for number, item in enumerate(self._items):
            if item.place is None:
                continue
            if files is None or not item.is_remote:
                self._places[item] = Path(item.place)
                if item.kind is Kind.CODE:
                    self._brought.stamps[item.place] = code.stamp(item.place)
                continue
            if item.kind is Kind.CODE:
                size, self._brought.stamps[item.place] = files.look(item.place, item.text)
                code.check_size(item.text, size)
            self._places[item] = self._new("fetched", str(number)) / item.place.rstrip("/").rsplit("/", 1)[-1]
            files.fetch(item.place, item.text, self._places[item])

    def _environment(self) -> None:
        for item in self._of(Kind.ENVIRONMENT):
            top = self._work / ENVIRONMENT
            folder = archive.unpack(item.text, self._places[item], top)
            self._brought.last.append(folder)
            self._brought.archive = (self._places[item], folder.relative_to(top))
            packages, image = pip.installed([folder]), pip.installed(pip.image_folders())
            hidden = archive.hidden(packages, image)
            instead = f"; this Python's own instead of {', '.join(hidden)}" if hidden else ""
            self._brought.add(item, f"{len(packages)} packages from {item.place}{instead}")

    def _packages(self) -> None:
        wanted = {str(self._places.get(item, item.text)): item for item in self._of(Kind.PIP)}
        image = pip.installed(pip.image_folders()) if wanted else {}
        here = pip.check_against_image(list(wanted), image)
        for text, version in here.items():
            self._brought.add(wanted[text], f"{version}, of this Python")
        missing = [text for text in wanted if text not in here]
        if not missing:
            return
        self._say(f"Looking up {', '.join(wanted[text].text for text in missing)}...")
        found = tuple(pip.resolve(missing, image, self._new("pip")))
        if not found:
            return
        target = _installed.get(found)
        if target is None:
            self._say(f"Installing {', '.join(f'{one.name} {one.version}' for one in found)}...")
            target = self._work / PACKAGES
            pip.install(found, target, self._work / "pip")
        pip.check_loaded(target)
        if all(one.sha256 for one in found):
            _installed[found] = target
        self._brought.first.append(target)
        for text in missing:
            self._brought.add(wanted[text], "installed")
        self._brought.rows += [
            ("detected", f"package {one.name}", f"{one.version}, installed from {one.url}") for one in found
        ]

    def _code(self) -> None:
        mine = self._of(Kind.CODE, Kind.REPOSITORY)
        if not mine:
            return
        target = self._new(CODE)
        for number, item in enumerate(mine):
            if item.kind is Kind.REPOSITORY:
                source, commit = code.clone(item, self._new("repositories", str(number)))
                where = f"at {commit}"
            else:
                source, where = self._places[item], f"from {item.place}"
            self._brought.add(item, f"{', '.join(code.gather(item, source, target))}, {where}")
        self._brought.first.insert(0, target)

    def _java(self) -> None:
        for item in self._of(Kind.JAR):
            jars.check(item, self._places[item])
            self._brought.jars.append(self._places[item])
            self._brought.add(item, f"from {item.place}")
        if coordinates := self._of(Kind.MAVEN):
            texts = [item.text for item in coordinates]
            self._say(f"Looking up {', '.join(texts)}...")
            where = maven.repositories(self._context.defaults.maven_repositories, self._settings)
            found = maven.resolve(self._jvm, texts, where, self._settings, self._new("maven"))
            self._brought.jars += found
            for item in coordinates:
                self._brought.add(item, f"from {', '.join(where)}")
            self._brought.rows += [("detected", f"jar {jar.name}", str(jar)) for jar in found]
        jars.check_loaded(self._jvm, self._brought.jars)

    def _settle(self) -> None:
        """The settings: executors unpack archives in their working folder, and look there for modules before anywhere else.

        Folders of this machine stand beside them, for Python that the driver's JVM runs itself (data sources, analysis of table functions).
        """
        brought, in_workspace = self._brought, self._context.environment.workspace is not None
        shipped: dict[str, Path] = {}
        if in_workspace:
            shipped = {folder.name: _pack(folder, self._work / f"{folder.name}.zip") for folder in brought.first}
        path = [*shipped, *map(str, brought.first)]
        if brought.archive is not None:
            packed, inner = brought.archive
            # What this Python has itself comes before what the environment has.
            path += map(str, [*pip.image_folders(), *brought.last])
            if in_workspace:
                shipped[ENVIRONMENT] = packed
                path.append(f"{ENVIRONMENT}/{inner}")
        if shipped:
            files = (f"{file.as_uri()}#{name}" for name, file in shipped.items())
            brought.settings["spark.archives"] = detected(",".join(files))
        if path:
            own = self._settings.get(PYTHONPATH)
            brought.settings[PYTHONPATH] = detected(":".join([*path, *([own.text] if own else [])]))
        if brought.jars:
            brought.settings["spark.jars"] = detected(_uris(brought.jars))


def _uris(files: Iterable[Path]) -> str:
    return ",".join(file.as_uri() for file in files)


def _pack(folder: Path, target: Path) -> Path:
    # Little compressed: the network inside a cluster is quicker than a thorough compressor.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as packed:
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts:
                packed.write(path, path.relative_to(folder))
    return target
