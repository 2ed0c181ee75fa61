"""The script, notebook or jar that a job is made of: on the disk, or where JupyterLab shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spark_session.batch import s3
from spark_session.errors import SparkSessionError, show

SCRIPT, NOTEBOOK, JAR = ".py", ".ipynb", ".jar"

Find = Callable[[str], bytes | None]
"""What is at an s3:// address; None where nothing is."""


@dataclass(frozen=True)
class Source:
    """A script, notebook or jar as it is now.

    Args:
        name: of the file: the last part of its path.
        content: of the file.
        folder: "s3://..." address of a folder of the person's own, for what comes of it: that which it is in; of one on the disk, that of the notebook which
            names it; else the person's own place.
    """

    name: str
    content: bytes
    folder: str | None

    @property
    def is_notebook(self) -> bool:
        """Whether it is a Jupyter notebook, by its name."""
        return self.name.endswith(NOTEBOOK)

    @property
    def is_jar(self) -> bool:
        """Whether it is an application of the JVM, by its name."""
        return self.name.endswith(JAR)


def look_on_s3(url: str) -> bytes | None:
    """What is at an s3:// address; None where nothing is. Raises SparkSessionError where S3 does not say."""
    return s3.find(url, f"{show(url)} cannot be read.")


def find(path: str | Path, home: str | None, folder: str | None, on_s3: Find = look_on_s3) -> Source:
    """Read a script, a notebook or a jar: from the disk, else from the folder of the notebook that names it, else from the person's own place.

    Args:
        path: on the disk or on S3, or an s3:// address.
        home: the person's own place, "s3://bucket/prefix".
        folder: address of the folder of the notebook that names it; None where no notebook does.
        on_s3: reads from S3.

    Raises:
        SparkSessionError: there is no such file, it cannot be read, or it is none that can be run.
    """
    found = find_file(path, home, folder, on_s3)
    if not found.name.endswith((SCRIPT, NOTEBOOK, JAR)):
        raise SparkSessionError(
            f"{show(str(path))} cannot be run as a job.",
            "It is no Python script, notebook or jar: its name ends neither in .py nor in .ipynb or .jar.",
            "Name a .py, an .ipynb or a .jar file.",
        )
    return found


def find_file(path: str | Path, home: str | None, folder: str | None, on_s3: Find = look_on_s3) -> Source:
    """Read a file of any kind, as `find` does.

    Raises:
        SparkSessionError: there is no such file, or it cannot be read.
    """
    text = str(path)
    name = PurePosixPath(text).name
    content: bytes | None
    beside: str | None
    if text.startswith("s3://"):
        content, beside = on_s3(text), text.rpartition("/")[0]
    else:
        content, beside = _on_disk(Path(path)), folder or home
        if content is None:
            content, beside = _beneath(text, [place for place in (folder, home) if place], on_s3)
    if content is None:
        raise SparkSessionError(
            f"{show(text)} is not there.",
            f"There is no such file {_where(text, home)}.",
            "Check the path. JupyterLab's own (Copy Path) and s3:// addresses are understood, too.",
        )
    # One that is somebody else's may well be there to be read only.
    return Source(name, content, beside if f"{beside}/".startswith(f"{home}/") else home)


def _on_disk(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SparkSessionError(
            f"{show(str(path))} cannot be read.",
            f"{error.strerror}.",
            "Name a file that you may read.",
        ) from error


def _beneath(text: str, places: list[str], on_s3: Find) -> tuple[bytes | None, str | None]:
    path = PurePosixPath(text)
    if not path.is_absolute() and ".." not in path.parts:
        for place in places:
            url = f"{place}/{path}"
            content = on_s3(url)
            if content is not None:
                return content, url.rpartition("/")[0]
    return None, None


def _where(text: str, home: str | None) -> str:
    if text.startswith("s3://"):
        return "on S3"
    on_disk = f"in {Path(text).absolute().parent}"
    return f"{on_disk}, nor on S3 in {home}" if home and not Path(text).is_absolute() else on_disk
