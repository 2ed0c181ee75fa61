"""Copies a folder of examples into a person's files, creating what is not there and changing nothing."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from fsspec import AbstractFileSystem

MARKER = ".spark-notebooks/welcome"
"""Path, below the person's home, of the object that says: the examples were given."""


def example_files(examples: Path) -> Iterator[Path]:
    """The files below a folder, sorted; nothing hidden, no byte code."""
    for path in sorted(examples.rglob("*")):
        parts = path.relative_to(examples).parts
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
            yield path


def targets(files: Iterable[Path], examples: Path, home: str, folder: str) -> Mapping[Path, str]:
    """Where each file goes: its path relative to ``examples``, in ``folder`` below ``home``."""
    return {path: "/".join((home.rstrip("/"), folder, path.relative_to(examples).as_posix())) for path in files}


def create(filesystem: AbstractFileSystem, path: str, content: bytes) -> bool:
    """Writes a new file; False, and nothing is changed, if there is one already."""
    with suppress(FileExistsError):
        filesystem.pipe_file(path, content, mode="create")
        return True
    return False


def give(filesystem: AbstractFileSystem, home: str, examples: Path, folder: str) -> list[str] | None:
    """Copies the examples of a person who has not had them; gives the paths created, or None if nothing was to do.

    ``home`` is the path of the person's files on ``filesystem``. The marker is written last, so that a copy that was cut short
    is completed the next time. Raises OSError.
    """
    marker = f"{home.rstrip('/')}/{MARKER}"
    if filesystem.exists(marker):
        return None
    copies = targets(example_files(examples), examples, home, folder)
    created = [path for source, path in copies.items() if create(filesystem, path, source.read_bytes())]
    create(filesystem, marker, b"")
    return created
